package ipvsadm

import (
	"os"
	"regexp"
	"testing"
)

// TestOptionsAreDocumented: the page for those who come from IPVS names each
// option, by its letter or in full.
func TestOptionsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/ipvs.md")
	if err != nil {
		t.Fatal(err)
	}
	for i := range optionTable {
		o := &optionTable[i]
		names := "--" + o.long
		if o.short != 0 {
			names += "|-" + string(o.short)
		}
		if !regexp.MustCompile("`(" + names + ")[` ]").Match(page) {
			t.Errorf("docs/ipvs.md does not name --%s", o.long)
		}
	}
	for name := range foreignOptions {
		if len(name) > 2 && !regexp.MustCompile("`"+name+"`").Match(page) {
			t.Errorf("docs/ipvs.md does not name %s of other ipvsadms", name)
		}
	}
}
