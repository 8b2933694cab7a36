package doctor

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"lvsdr/frame"
)

// vendorFiles are where distributions put the IEEE's list of prefixes (oui.txt).
var vendorFiles = []string{"/var/lib/ieee-data/oui.txt", "/usr/share/ieee-data/oui.txt", "/usr/share/hwdata/oui.txt"}

// knownPrefixes are those of virtual machines and virtual routers, which an
// operator is most often surprised by, and which the list names less clearly.
var knownPrefixes = map[[3]byte]string{
	{0x00, 0x05, 0x69}: "VMware",
	{0x00, 0x0c, 0x29}: "VMware",
	{0x00, 0x50, 0x56}: "VMware",
	{0x00, 0x15, 0x5d}: "Hyper-V",
	{0x00, 0x16, 0x3e}: "Xen",
	{0x08, 0x00, 0x27}: "VirtualBox",
	{0x52, 0x54, 0x00}: "QEMU/KVM",
	{0xbc, 0x24, 0x11}: "Proxmox",
}

// vendor says whose prefix a MAC address has.
func vendor(mac frame.MAC) string {
	switch prefix := [3]byte(mac[:3]); {
	case prefix == [3]byte{0, 0, 0x5e} && mac[3] == 0 && mac[4] == 1: // RFC 9568, 7.3
		return fmt.Sprintf("virtual router %d", mac[5])
	case knownPrefixes[prefix] != "":
		return knownPrefixes[prefix]
	case mac[0]&2 != 0:
		return "locally administered"
	}
	for _, name := range vendorFiles {
		if f, err := os.Open(name); err == nil {
			found := findVendor(f, mac)
			_ = f.Close() // only read
			if found != "" {
				return found
			}
		}
	}
	return fmt.Sprintf("vendor prefix %02x:%02x:%02x", mac[0], mac[1], mac[2])
}

// findVendor looks a prefix up in the IEEE's list, whose lines are
// "00-50-56   (hex)\t\tVMware, Inc.".
func findVendor(list io.Reader, mac frame.MAC) string {
	prefix := fmt.Sprintf("%02X-%02X-%02X", mac[0], mac[1], mac[2])
	for lines := bufio.NewScanner(list); lines.Scan(); {
		rest, ok := strings.CutPrefix(lines.Text(), prefix)
		if !ok {
			continue
		}
		if _, name, ok := strings.Cut(rest, "(hex)"); ok {
			return strings.TrimSpace(name)
		}
	}
	return ""
}
