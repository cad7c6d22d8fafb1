package threshold

// nearest returns the name that differs from text by the fewest letters, if they are few.
func nearest(text string, names []string) (string, bool) {
	best, fewest := "", 4
	for _, name := range names {
		if d := distance(text, name); d < fewest && 2*d < len(name) {
			best, fewest = name, d
		}
	}
	return best, best != ""
}

// distance is Levenshtein's: the number of letters to insert, delete or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for i := range row {
		row[i] = i
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := 1
			if a[i] == b[j] {
				change = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
