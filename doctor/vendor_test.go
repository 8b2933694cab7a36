package doctor

import (
	"os"
	"path/filepath"
	"testing"

	"lvsdr/frame"
)

func TestVendor(t *testing.T) {
	list := filepath.Join(t.TempDir(), "oui.txt")
	text := "OUI/MA-L\t\tOrganization\n00-1B-21   (hex)\t\tIntel Corporate\n001B21     (base 16)\t\tIntel Corporate\n" +
		"52-54-00   (hex)\t\tnot asked for\n"
	if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	defer func(before []string) { vendorFiles = before }(vendorFiles)
	vendorFiles = []string{filepath.Join(t.TempDir(), "none"), list}
	for mac, want := range map[string]string{
		"00:1b:21:00:00:01": "Intel Corporate",
		"52:54:00:12:34:56": "QEMU/KVM",
		"00:00:5e:00:01:33": "virtual router 51",
		"02:42:ac:11:00:02": "locally administered",
		"00:00:5e:00:53:01": "vendor prefix 00:00:5e",
		"94:94:26:00:00:01": "vendor prefix 94:94:26",
	} {
		parsed, err := frame.ParseMAC(mac)
		if err != nil {
			t.Fatal(err)
		}
		if got := vendor(parsed); got != want {
			t.Errorf("%s: %q, want %q", mac, got, want)
		}
	}
}
