package config

import (
	"fmt"
	"testing"
)

// TestEditorProperties: a change that is refused changes nothing, and what the
// editor makes a file could say.
func TestEditorProperties(t *testing.T) {
	made, refused := 0, 0
	for seed := range uint64(worlds) {
		w := newWorld(seed)
		file := w.file(t)
		e := NewEditor(file, file)
		for i := range 15 {
			before := e.Config()
			err := w.operate(e)
			now := e.Config()
			checkValid(t, now, fmt.Sprintf("world %d, change %d", seed, i))
			if err == nil {
				made++
				continue
			}
			refused++
			if show(before) != show(now) {
				t.Fatalf("world %d, change %d: %v, and\n%s became\n%s", seed, i, err, show(before), show(now))
			}
		}
		if !file.Equal(w.file(t)) {
			t.Fatalf("world %d: the file was changed", seed)
		}
	}
	if made < worlds || refused < worlds {
		t.Errorf("only %d changes were made, and %d refused", made, refused)
	}
}
