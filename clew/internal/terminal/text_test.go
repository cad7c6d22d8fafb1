package terminal

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDuration(t *testing.T) {
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		-time.Second:                        "0",
		0:                                   "0",
		1:                                   "1ns",
		999:                                 "999ns",
		time.Microsecond:                    "1µs",
		99_499:                              "99µs",
		99_500:                              "0.10ms",
		620 * time.Microsecond:              "0.62ms",
		1234 * time.Microsecond:             "1.23ms",
		9_994_999:                           "9.99ms",
		9_995_000:                           "10.0ms",
		12_345_678:                          "12.3ms",
		99_960 * time.Microsecond:           "100ms",
		999_499_999:                         "999ms",
		999_500_000:                         "1.00s",
		2500 * time.Millisecond:             "2.50s",
		59_940 * time.Millisecond:           "59.9s",
		59_950 * time.Millisecond:           "1m00s",
		12*time.Minute + 3*time.Second:      "12m03s",
		time.Hour - time.Millisecond:        "1h00m",
		2*time.Hour + 5*time.Minute:         "2h05m",
		3*day + 4*time.Hour:                 "3d04h",
		99*day + 23*time.Hour + time.Minute: "99d23h",
		400 * day:                           "400d",
		math.MaxInt64:                       "106751d",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%d ns) = %q, want %q", d, got, want)
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"POST /orders":          "POST /orders",
		"a\tb\r\nc":             "a b  c",
		"\x1b[31mred\x1b[0m":    "[31mred[0m",
		"\x1b]0;title\atext":    "]0;titletext",
		"\u009b2Jx":             "2Jx", // the one-byte form of ESC [
		"user\u202efdp.exe":     "userfdp.exe",
		"zero\u200bwidth\ufeff": "zerowidth",
		"bad\xffbyte":           "badbyte",
		"❤\ufe0f":               "❤", // a variation selector changes the width
		"  ":                    "",
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestClip(t *testing.T) {
	for _, test := range []struct {
		text string
		n    int
		want string
	}{
		{"orders", 6, "orders"},
		{"orders", 5, "orde…"},
		{"orders", 1, "…"},
		{"orders", 0, ""},
		{"注文を処理", 10, "注文を処理"},
		{"注文を処理", 9, "注文を処…"},
		{"注文を処理", 8, "注文を…"}, // half a character is none
		{"e\u0301te\u0301", 3, "e\u0301te\u0301"},
	} {
		if got := Clip(test.text, test.n); got != test.want {
			t.Errorf("Clip(%q, %d) = %q, want %q", test.text, test.n, got, test.want)
		}
	}
}

func TestWrap(t *testing.T) {
	got := Wrap("one two three fourteen-letters", 10, 2)
	if diff := cmp.Diff([]string{"one two", "  three", "  fourtee…"}, got); diff != "" {
		t.Error(diff)
	}
}
