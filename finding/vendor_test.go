package finding

import (
	"os"
	"path/filepath"
	"testing"

	"lvsdr/frame"
)

func TestVendor(t *testing.T) {
	dir := t.TempDir()
	ieee, udev := filepath.Join(dir, "oui.txt"), filepath.Join(dir, "20-OUI.hwdb")
	for name, text := range map[string]string{
		ieee: "OUI/MA-L\t\tOrganization\n00-1B-21   (hex)\t\tIntel Corporate\n001B21     (base 16)\t\tIntel Corporate\n" +
			"52-54-00   (hex)\t\tnot asked for\n",
		udev: "OUI:001B21*\n ID_OUI_FROM_DATABASE=the other list is first\n\nOUI:0019B9*\n ID_OUI_FROM_DATABASE=Dell Inc.\n\n" +
			"OUI:0019B91*\n ID_OUI_FROM_DATABASE=a longer prefix\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	defer func(before []string) { vendorFiles = before }(vendorFiles)
	vendorFiles = []string{filepath.Join(dir, "none"), ieee, udev}
	for mac, want := range map[string]string{
		"00:1b:21:00:00:01": "Intel Corporate",
		"00:19:b9:00:00:01": "Dell Inc.",
		"52:54:00:12:34:56": "QEMU/KVM",
		"00:00:5e:00:01:33": "virtual router 51",
		"00:00:5e:00:02:33": "virtual router 51 of IPv6",
		"00:00:0c:07:ac:05": "HSRP group 5",
		"02:42:ac:11:00:02": "locally administered",
		"00:00:5e:00:53:01": "vendor prefix 00:00:5e",
		"94:94:26:00:00:01": "vendor prefix 94:94:26",
	} {
		parsed, err := frame.ParseMAC(mac)
		if err != nil {
			t.Fatal(err)
		}
		if got := Vendor(parsed); got != want {
			t.Errorf("%s: %q, want %q", mac, got, want)
		}
	}
}
