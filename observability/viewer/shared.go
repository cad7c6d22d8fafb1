package viewer

const sharedOverhead = 128 // shared, its entry in the index

// shared is an encoded resource or scope, kept once for all spans or records that have it.
type shared struct {
	data string
	cost int64
	refs int // guarded by the lock of its store
}

// sharedSet has all that are kept, by their data.
type sharedSet map[string]*shared

// share counts one more use of data, and returns the bytes by which the set grew.
func (s sharedSet) share(data []byte, values int) (sh *shared, grown int64) {
	sh, ok := s[string(data)]
	if !ok {
		sh = &shared{data: string(data), cost: cost(data, values) + sharedOverhead}
		s[sh.data] = sh
		grown = sh.cost
	}
	sh.refs++
	return sh, grown
}

// release counts one use less, and returns the bytes by which the set shrank.
func (s sharedSet) release(sh *shared) int64 {
	if sh.refs--; sh.refs > 0 {
		return 0
	}
	delete(s, sh.data)
	return sh.cost
}
