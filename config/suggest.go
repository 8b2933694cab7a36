package config

import "strings"

// didYouMean is the remedy for a word that is none of known.
func didYouMean(word string, known []string) string {
	if s := closest(word, known); s != "" {
		return "did you mean " + s + "?"
	}
	return "write " + oneOf(known)
}

func oneOf(words []string) string {
	if len(words) > 2 {
		return "one of " + list(words, "or")
	}
	return list(words, "or")
}

// list returns "a, b and c".
func list(words []string, and string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " " + and + " " + words[last]
}

// closest returns the word of known that a slip of the finger turns into word:
// one edit, or one in three letters. "" if there is none.
func closest(word string, known []string) string {
	const longest = 40
	if len(word) > longest {
		return ""
	}
	plain := strings.NewReplacer("-", "_").Replace(strings.ToLower(word))
	best, least := "", max(1, len(plain)/3)+1
	for _, k := range known {
		if n := distance(plain, k); n < least {
			best, least = k, n
		}
	}
	if least >= len(word) && !strings.EqualFold(word, best) {
		return "" // nothing of the word is left
	}
	return best
}

// distance is the number of insertions, deletions, substitutions and swaps of
// neighbours that turn a into b (optimal string alignment).
func distance(a, b string) int {
	var before []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
