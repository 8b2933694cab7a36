package finding

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"lvsdr/frame"
)

// vendorFiles are where distributions put the IEEE's list of prefixes: that of Debian's
// ieee-data and Fedora's hwdata, and that of udev.
var vendorFiles = []string{
	"/var/lib/ieee-data/oui.txt", "/usr/share/ieee-data/oui.txt", "/usr/share/hwdata/oui.txt",
	"/usr/lib/udev/hwdb.d/20-OUI.hwdb", "/lib/udev/hwdb.d/20-OUI.hwdb",
}

// knownPrefixes are those of virtual machines, which an operator is most often
// surprised by, and which the list names less clearly.
var knownPrefixes = map[[3]byte]string{
	{0x00, 0x05, 0x69}: "VMware",
	{0x00, 0x0c, 0x29}: "VMware",
	{0x00, 0x1c, 0x14}: "VMware",
	{0x00, 0x50, 0x56}: "VMware",
	{0x00, 0x15, 0x5d}: "Hyper-V",
	{0x00, 0x16, 0x3e}: "Xen",
	{0x00, 0x1c, 0x42}: "Parallels",
	{0x08, 0x00, 0x27}: "VirtualBox",
	{0x50, 0x6b, 0x8d}: "Nutanix",
	{0x52, 0x54, 0x00}: "QEMU/KVM",
	{0x58, 0x9c, 0xfc}: "bhyve",
	{0xbc, 0x24, 0x11}: "Proxmox",
}

// Vendor says whose prefix a MAC address has.
func Vendor(mac frame.MAC) string {
	if group := virtualRouter(mac); group != "" {
		return group
	}
	if known := knownPrefixes[[3]byte(mac[:3])]; known != "" {
		return known
	}
	if mac[0]&2 != 0 {
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

// virtualRouter names the addresses that routers and directors share.
func virtualRouter(mac frame.MAC) string {
	switch {
	case [5]byte(mac[:5]) == [5]byte{0, 0, 0x5e, 0, 1}: // RFC 9568, 7.3
		return fmt.Sprintf("virtual router %d", mac[5])
	case [5]byte(mac[:5]) == [5]byte{0, 0, 0x5e, 0, 2}: // ditto
		return fmt.Sprintf("virtual router %d of IPv6", mac[5])
	case [5]byte(mac[:5]) == [5]byte{0, 0, 0x0c, 0x07, 0xac}: // RFC 2281, 5.3
		return fmt.Sprintf("HSRP group %d", mac[5])
	}
	return ""
}

// findVendor looks a prefix up in the IEEE's list, whose lines are
// "00-50-56   (hex)\t\tVMware, Inc.", or in that of udev, whose pairs of lines are
// "OUI:005056*" and " ID_OUI_FROM_DATABASE=VMware, Inc.".
func findVendor(list io.Reader, mac frame.MAC) string {
	ieee := fmt.Sprintf("%02X-%02X-%02X", mac[0], mac[1], mac[2])
	udev := fmt.Sprintf("OUI:%02X%02X%02X*", mac[0], mac[1], mac[2])
	follows := false
	for lines := bufio.NewScanner(list); lines.Scan(); {
		line := lines.Text()
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "ID_OUI_FROM_DATABASE="); ok && follows {
			return name
		}
		follows = line == udev
		if rest, ok := strings.CutPrefix(line, ieee); ok {
			if _, name, ok := strings.Cut(rest, "(hex)"); ok {
				return strings.TrimSpace(name)
			}
		}
	}
	return ""
}
