// A library to preload: it changes the clock of a program by so many seconds as stand in the file that CLOCK names, as
// a 64-bit number, and at once when that changes.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static volatile int64_t none, *offset = &none;

__attribute__((constructor)) static void find(void) {
	const char *path = getenv("CLOCK");
	int file = path ? open(path, O_RDONLY) : -1;
	void *map = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, file, 0);
	if (map != MAP_FAILED)
		offset = map;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
	struct timespec real;
	clock_gettime(CLOCK_REALTIME, &real);
	now->tv_sec = real.tv_sec + *offset;
	now->tv_usec = real.tv_nsec / 1000;
	return 0;
}
