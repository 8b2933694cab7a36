package layout

import (
	"strings"
	"testing"
)

// testOnly are libraries that tests compare with. In the program they would be
// memory: gopacket's tables of protocols are 6 MiB that the collector looks
// through each time.
var testOnly = []string{"github.com/google/gopacket", "github.com/google/go-cmp"}

// TestReferences: what is only compared with is not in the program.
func TestReferences(t *testing.T) {
	found := 0
	for _, f := range files(t) {
		for _, p := range f.imports() {
			for _, library := range testOnly {
				switch {
				case !strings.HasPrefix(p, library):
				case f.test:
					found++
				default:
					t.Errorf("%s imports %s, which is for tests", f.path, p)
				}
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d tests compare with anything", found)
	}
}
