package realserver

import (
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"
)

// files is a file system by the text of its files.
type files map[string]string

// onHost adds the files to a host's. A text that begins with -> is a link.
func (f files) onHost(h *Memory) {
	for name, text := range f {
		file := &fstest.MapFile{Data: []byte(text), Mode: 0o644}
		if to, ok := strings.CutPrefix(text, "->"); ok {
			file = &fstest.MapFile{Data: []byte(to), Mode: fs.ModeSymlink | 0o777}
		}
		h.Disk[name] = file
	}
}

// brief is a finding in a line, without what it means.
func brief(f Finding) string {
	return fmt.Sprintf("%s %s: %s | %s", f.Verdict(), f.Name, f.What, f.Remedy)
}

// foreignTest is one host and what is to be found on it.
type foreignTest struct {
	name  string
	files files
	host  func(*Memory, *Options)
	want  []string // as brief has them
}

func (test foreignTest) run(t *testing.T) {
	h, o := newHost(), options(t, vipA, vip6)
	test.files.onHost(h)
	if test.host != nil {
		test.host(h, &o)
	}
	before := h.Snapshot()
	findings, err := Foreign(o, h)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range findings {
		got = append(got, brief(f))
		if !f.Foreign() || f.Why == "" {
			t.Errorf("not whole: %+v", f)
		}
	}
	if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
	}
	wantSame(t, "looked at", h.Snapshot(), before)

	o.Persist, o.Program = false, ""
	checked, err := Check(o, h)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range checked {
		if f.Foreign() {
			found++
		}
	}
	if found != len(findings) {
		t.Errorf("check has %d of %d findings", found, len(findings))
	}
}

func TestForeignSysctl(t *testing.T) {
	const wrong, note = "wrong foreign-sysctl: ", "note foreign-sysctl: "
	for _, test := range []foreignTest{
		{name: "nothing", files: files{"etc/sysctl.conf": "# net.ipv4.conf.all.arp_ignore = 0\n;x\n\n"}},
		{name: "enough", files: files{"etc/sysctl.d/1.conf": "net.ipv4.conf.all.arp_ignore = 1\nnet.ipv4.conf.all.arp_announce = 2"}},
		{name: "all only", files: files{"etc/sysctl.d/1.conf": "net.ipv4.conf.all.arp_ignore = 0\n"}, want: []string{
			note + "/etc/sysctl.d/1.conf:1 sets net.ipv4.conf.all.arp_ignore to 0 | sed -i '1s/=.*/= 3/' /etc/sysctl.d/1.conf",
		}},
		{name: "all and the interface", files: files{"etc/sysctl.d/1.conf": "\nnet/ipv4/conf/all/arp_announce=0\nnet.ipv4.conf.eth0.arp_announce = 1\n"}, want: []string{
			wrong + "/etc/sysctl.d/1.conf:2 sets net.ipv4.conf.all.arp_announce to 0 | sed -i '2s/=.*/= 2/' /etc/sysctl.d/1.conf",
			wrong + "/etc/sysctl.d/1.conf:3 sets net.ipv4.conf.eth0.arp_announce to 1 | sed -i '3s/=.*/= 2/' /etc/sysctl.d/1.conf",
		}},
		{name: "4 means 0", files: files{"etc/sysctl.d/1.conf": "net.ipv4.conf.all.arp_ignore = 4"}, want: []string{
			wrong + "/etc/sysctl.d/1.conf:1 sets net.ipv4.conf.all.arp_ignore to 4 | sed -i '1s/=.*/= 3/' /etc/sysctl.d/1.conf",
		}},
		{name: "a pattern", files: files{"usr/lib/sysctl.d/50-default.conf": "-net.ipv4.conf.*.arp_ignore = 0"}, want: []string{
			wrong + "/usr/lib/sysctl.d/50-default.conf:1 sets net.ipv4.conf.all.arp_ignore to 0, by -net.ipv4.conf.*.arp_ignore | " +
				"echo 'net.ipv4.conf.all.arp_ignore = 3' >> /etc/sysctl.d/99-zz-local.conf",
			wrong + "/usr/lib/sysctl.d/50-default.conf:1 sets net.ipv4.conf.eth0.arp_ignore to 0, by -net.ipv4.conf.*.arp_ignore | " +
				"echo 'net.ipv4.conf.eth0.arp_ignore = 3' >> /etc/sysctl.d/99-zz-local.conf",
		}},
		{name: "a key counts before a pattern", files: files{
			"usr/lib/sysctl.d/10.conf": "net.ipv4.conf.all.arp_ignore = 3\nnet.ipv4.conf.all.arp_announce = 2",
			"usr/lib/sysctl.d/50.conf": "net.ipv4.conf.*.arp_ignore = 0\nnet.ipv4.conf.*.arp_announce = 0\n-net.ipv4.conf.eth0.arp_announce",
		}, want: []string{
			note + "/usr/lib/sysctl.d/50.conf:1 sets net.ipv4.conf.eth0.arp_ignore to 0, by net.ipv4.conf.*.arp_ignore | " +
				"echo 'net.ipv4.conf.eth0.arp_ignore = 3' >> /etc/sysctl.d/99-zz-local.conf",
		}},
		{name: "the last counts", files: files{
			"etc/sysctl.d/10.conf":     "net.ipv4.conf.all.arp_ignore = 4",
			"usr/lib/sysctl.d/20.conf": "net.ipv4.conf.all.arp_ignore = 3",
			"lib/sysctl.d/05.conf":     "net.ipv4.conf.all.arp_ignore = 5",
		}},
		{name: "masked", files: files{
			"dev/null":                 "",
			"etc/sysctl.d/20.conf":     "->../../dev/null",
			"run/sysctl.d/30.conf":     "net.ipv4.conf.all.arp_ignore = 3",
			"usr/lib/sysctl.d/20.conf": "net.ipv4.conf.all.arp_ignore = 4",
			"usr/lib/sysctl.d/30.conf": "net.ipv4.conf.all.arp_ignore = 5",
			"usr/lib/sysctl.d/README":  "net.ipv4.conf.all.arp_ignore = 6",
		}},
		{name: "sysctl.conf is last", files: files{
			"etc/sysctl.conf":             "net.ipv4.conf.all.arp_ignore = 5",
			"etc/sysctl.d/99-sysctl.conf": "->../sysctl.conf",
			"etc/sysctl.d/99-zzz.conf":    "net.ipv4.conf.all.arp_ignore = 3",
		}, want: []string{wrong + "/etc/sysctl.conf:1 sets net.ipv4.conf.all.arp_ignore to 5 | sed -i '1s/=.*/= 3/' /etc/sysctl.conf"}},
		{name: "ufw", files: files{
			"etc/ufw/ufw.conf":    "ENABLED=yes\n",
			"etc/ufw/sysctl.conf": "net/ipv4/conf/all/arp_ignore=7",
		}, want: []string{wrong + "/etc/ufw/sysctl.conf:1 sets net.ipv4.conf.all.arp_ignore to 7 | sed -i '1s/=.*/= 3/' /etc/ufw/sysctl.conf"}},
		{name: "ufw off", files: files{
			"etc/ufw/ufw.conf":    "ENABLED=no\n",
			"etc/ufw/sysctl.conf": "net/ipv4/conf/all/arp_ignore=7",
		}},
		{name: "proxy_arp", files: files{"etc/sysctl.d/1.conf": "net.ipv4.conf.default.proxy_arp = 1"}, want: []string{
			wrong + "/etc/sysctl.d/1.conf:1 sets net.ipv4.conf.eth0.proxy_arp to 1, by net.ipv4.conf.default.proxy_arp | " +
				"echo 'net.ipv4.conf.eth0.proxy_arp = 0' >> /etc/sysctl.d/99-zz-local.conf",
		}},
		{name: "rp_filter, with the default route", files: files{"etc/sysctl.d/1.conf": "net.ipv4.conf.all.rp_filter = 1"}},
		{
			name: "rp_filter", files: files{"etc/sysctl.d/1.conf": "net.ipv4.conf.all.rp_filter = 1"},
			host: func(h *Memory, _ *Options) { h.Defaults = nil },
			want: []string{wrong + "/etc/sysctl.d/1.conf:1 sets net.ipv4.conf.all.rp_filter to 1 | sed -i '1s/=.*/= 2/' /etc/sysctl.d/1.conf"},
		},
		{name: "disable_ipv6", files: files{"etc/sysctl.d/1.conf": "net.ipv6.conf.all.disable_ipv6 = 1"}, want: []string{
			wrong + "/etc/sysctl.d/1.conf:1 sets net.ipv6.conf.all.disable_ipv6 to 1 | sed -i '1s/=.*/= 0/' /etc/sysctl.d/1.conf",
		}},
		{name: "disable_ipv6, not on lo", files: files{"etc/sysctl.d/1.conf": "net.ipv6.conf.all.disable_ipv6 = 1\nnet.ipv6.conf.lo.disable_ipv6 = 0"}},
		{
			name: "method redirect needs no ARP", files: files{"etc/sysctl.d/1.conf": "net.ipv4.conf.*.arp_ignore = 0\nnet.ipv6.conf.all.disable_ipv6 = 1"},
			host: func(_ *Memory, o *Options) { o.Method = MethodRedirect },
		},
		{
			name: "hidden", files: files{"etc/sysctl.d/1.conf": "net.ipv4.conf.lo.hidden = 0"},
			host: func(h *Memory, o *Options) {
				h.Sysctl[ipv4Conf("all", "hidden")], h.Sysctl[ipv4Conf("lo", "hidden")] = "1", "1"
				o.Method = MethodHidden
			},
			want: []string{wrong + "/etc/sysctl.d/1.conf:1 sets net.ipv4.conf.lo.hidden to 0 | sed -i '1s/=.*/= 1/' /etc/sysctl.d/1.conf"},
		},
		{
			name: "what apply --persist wrote counts", files: files{"etc/sysctl.d/99-sysctl.conf": "net.ipv4.conf.all.arp_ignore = 4\n"},
			host: func(h *Memory, o *Options) {
				o.Persist, o.Program = true, program
				if _, err := Apply(*o, h); err != nil {
					panic(err)
				}
			},
		},
	} {
		t.Run(test.name, test.run)
	}
}

func TestForeignNetworkd(t *testing.T) {
	const wrong, note, on = "wrong foreign-networkd: ", "note foreign-networkd: ", "run/systemd/netif/state"
	keep := func(name string) string {
		return "mkdir -p /etc/systemd/network/" + name + ".d && printf '[Network]\\nKeepConfiguration=yes\\n' > /etc/systemd/network/" +
			name + ".d/realserver.conf && networkctl reload"
	}
	for _, test := range []foreignTest{
		{name: "off", files: files{"etc/systemd/network/lo.network": "[Match]\nName=lo\n[Network]\nAddress=192.0.2.10/24\n"}},
		{name: "of other interfaces", files: files{
			on:                              "",
			"etc/systemd/network/a.network": "[Match]\nName=!lo eth1\n",
			"etc/systemd/network/b.network": "[Match]\nMACAddress=02:00:00:00:00:01\n",
			"etc/systemd/network/c.network": "[Match]\nName=wl*\n[Network]\nAddress=192.0.2.10/24\n",
		}},
		{name: "lo", files: files{on: "", "usr/lib/systemd/network/lo.network": "[Match]\nName=lo\n"}, want: []string{
			wrong + "/usr/lib/systemd/network/lo.network has systemd-networkd manage lo, without KeepConfiguration=yes | " + keep("lo.network"),
		}},
		{name: "lo, enabled", files: files{
			"etc/systemd/system/multi-user.target.wants/systemd-networkd.service": "->/lib/systemd/system/systemd-networkd.service",
			"etc/systemd/network/lo.network":                                      "[Match]\nType=loopback\n[Network]\nKeepConfiguration=static\n",
		}, want: []string{
			wrong + "/etc/systemd/network/lo.network has systemd-networkd manage lo, without KeepConfiguration=yes | " + keep("lo.network"),
		}},
		{name: "kept", files: files{
			on:                               "",
			"etc/systemd/network/lo.network": "[Match]\nName=lo\n",
			"etc/systemd/network/lo.network.d/k.conf": "[Network]\nKeepConfiguration=yes\n",
		}},
		{name: "unmanaged", files: files{on: "", "etc/systemd/network/lo.network": "[Match]\nName=lo\n[Link]\nUnmanaged=yes\n"}},
		{name: "every interface", files: files{on: "", "etc/systemd/network/all.network": "[Match]\nName=*\n"}, want: []string{
			note + "/etc/systemd/network/all.network has systemd-networkd manage lo, without KeepConfiguration=yes | " + keep("all.network"),
		}},
		{name: "the first file counts", files: files{
			on:                                 "",
			"etc/systemd/network/50-a.network": "[Match]\nName=eth*\n",
			"run/systemd/network/60-b.network": "[Match]\nName=eth0\n[Network]\nIPv4ProxyARP=yes\n",
		}},
		{name: "the VIP on the LAN", files: files{
			on:                                "",
			"etc/systemd/network/lan.network": "[Match]\nName=eth0\n[Network]\nAddress=192.0.2.21/24\nAddress=192.0.2.10/24\n[Address]\nAddress=2001:db8::10/64\n",
		}, want: []string{
			wrong + "/etc/systemd/network/lan.network:5 gives 192.0.2.10 to eth0 | sed -i '5d' /etc/systemd/network/lan.network && networkctl reload",
			wrong + "/etc/systemd/network/lan.network:7 gives 2001:db8::10 to eth0 | sed -i '7d' /etc/systemd/network/lan.network && networkctl reload",
		}},
		{name: "its sysctls", files: files{
			on:                                "",
			"etc/systemd/network/lan.network": "[Match]\nName=eth0\n[Network]\nIPv4ProxyARP=yes\nIPv4ReversePathFilter=strict\n",
		}, host: func(h *Memory, _ *Options) { h.Defaults = nil }, want: []string{
			wrong + "/etc/systemd/network/lan.network:4 has systemd-networkd set net.ipv4.conf.eth0.proxy_arp: IPv4ProxyARP=yes | " +
				"sed -i '4s/=.*/=no/' /etc/systemd/network/lan.network && networkctl reload",
			wrong + "/etc/systemd/network/lan.network:5 has systemd-networkd set net.ipv4.conf.eth0.rp_filter: IPv4ReversePathFilter=strict | " +
				"sed -i '5s/=.*/=loose/' /etc/systemd/network/lan.network && networkctl reload",
		}},
		{name: "arptables with the VIP on the LAN", files: files{on: "", "etc/systemd/network/lan.network": "[Match]\nName=eth0\n"}, host: func(_ *Memory, o *Options) {
			o.Method, o.AddressOn, o.VIPs = MethodARPTables, "eth0", []netip.Addr{vipA}
		}, want: []string{
			wrong + "/etc/systemd/network/lan.network has systemd-networkd manage eth0, without KeepConfiguration=yes | " + keep("lan.network"),
		}},
	} {
		t.Run(test.name, test.run)
	}
}

func TestForeignNetworkManager(t *testing.T) {
	const wrong, note = "wrong foreign-networkmanager: ", "note foreign-networkmanager: "
	const dir = "etc/NetworkManager/system-connections/"
	lan := "[connection]\nid=The LAN\ninterface-name=eth0\n[ipv4]\naddress1=192.0.2.21/24,192.0.2.1\naddress2=192.0.2.10/24\n"
	lo := "[connection]\nid=lo\ntype=loopback\n[ipv4]\naddresses=192.0.2.10/32;\n"
	vipOnLAN := wrong + "/" + dir + "lan.nmconnection:6 gives 192.0.2.10 to eth0 | " +
		"nmcli connection modify 'The LAN' -ipv4.addresses 192.0.2.10/24 && nmcli connection up 'The LAN'"
	for _, test := range []foreignTest{
		{name: "off", files: files{dir + "lan.nmconnection": lan}},
		{name: "the VIP on the LAN", files: files{"run/NetworkManager/x": "", dir + "lan.nmconnection": lan}, want: []string{vipOnLAN}},
		{name: "enabled", files: files{
			"etc/systemd/system/multi-user.target.wants/NetworkManager.service": "->/x", dir + "lan.nmconnection": lan,
		}, want: []string{vipOnLAN}},
		{name: "unmanaged", files: files{
			"run/NetworkManager/x": "", dir + "lan.nmconnection": lan, dir + "lo.nmconnection": lo,
			"etc/NetworkManager/NetworkManager.conf": "[keyfile]\nunmanaged-devices=interface-name:eth*\n",
			"etc/NetworkManager/conf.d/lo.conf":      "[keyfile]\nunmanaged-devices+=interface-name:=lo\n",
		}},
		{name: "excepted", files: files{
			"run/NetworkManager/x": "", dir + "lan.nmconnection": lan,
			"etc/NetworkManager/conf.d/lo.conf": "[keyfile]\nunmanaged-devices=*,except:interface-name:eth0\n",
		}, want: []string{vipOnLAN}},
		{name: "a profile of lo", files: files{"run/NetworkManager/x": "", dir + "lo.nmconnection": lo}, want: []string{
			note + "/" + dir + "lo.nmconnection:5 gives 192.0.2.10 to lo | nmcli connection modify 'lo' -ipv4.addresses 192.0.2.10/32 && nmcli connection up 'lo'",
			wrong + "/" + dir + "lo.nmconnection: NetworkManager has a profile of lo | " +
				`printf '[keyfile]\nunmanaged-devices+=interface-name:lo\n' > /etc/NetworkManager/conf.d/99-realserver.conf && nmcli general reload`,
		}},
		{name: "a profile of lo that is not used", files: files{
			"run/NetworkManager/x": "", dir + "lo.nmconnection": "[connection]\nid=lo\ninterface-name=lo\nautoconnect=false\n",
		}},
	} {
		t.Run(test.name, test.run)
	}
}

func TestForeignAddress(t *testing.T) {
	const wrong, note = "wrong foreign-address: ", "note foreign-address: "
	for _, test := range []foreignTest{
		{name: "ifupdown", files: files{
			"etc/network/interfaces":      "auto lo\niface lo inet loopback\n  up ip addr add 192.0.2.10/32 dev lo\n# 192.0.2.10\n",
			"etc/network/interfaces.d/ab": "iface eth0 inet static\n  address 192.0.2.10/24\n  gateway 192.0.2.100\n",
		}, want: []string{
			note + "/etc/network/interfaces:3 gives 192.0.2.10 to lo | sed -i '3s/^/#/' /etc/network/interfaces",
			wrong + "/etc/network/interfaces.d/ab:2 gives 192.0.2.10 to eth0 | sed -i '2s/^/#/' /etc/network/interfaces.d/ab",
		}},
		{name: "ifcfg", files: files{
			"etc/sysconfig/network-scripts/ifcfg-lo:0":     "DEVICE=lo:0\nIPADDR=192.0.2.10\nNETMASK=255.255.255.255\n",
			"etc/sysconfig/network-scripts/ifcfg-eth0":     "DEVICE=\"eth0\"\nIPADDR0='192.0.2.10'\n",
			"etc/sysconfig/network-scripts/ifcfg-eth0.bak": "IPADDR0='192.0.2.10'\n",
			"etc/sysconfig/network/ifcfg-eth1":             "IPADDR='192.0.2.10/24'\n",
		}, want: []string{
			wrong + "/etc/sysconfig/network-scripts/ifcfg-eth0:2 gives 192.0.2.10 to eth0 | sed -i '2s/^/#/' /etc/sysconfig/network-scripts/ifcfg-eth0",
			note + "/etc/sysconfig/network-scripts/ifcfg-lo:0:2 gives 192.0.2.10 to lo:0 | sed -i '2s/^/#/' /etc/sysconfig/network-scripts/ifcfg-lo:0",
			wrong + "/etc/sysconfig/network/ifcfg-eth1:1 gives 192.0.2.10 to eth1 | sed -i '1s/^/#/' /etc/sysconfig/network/ifcfg-eth1",
		}},
		{name: "netplan", files: files{
			"etc/netplan/01.yaml": "network:\n  version: 2\n  ethernets:\n    eth0:\n      addresses: [192.0.2.21/24, \"192.0.2.10/24\"]\n    lo:\n      addresses:\n      - 2001:db8::10/128\n      - 192.0.2.100/32\n",
		}, want: []string{
			wrong + "/etc/netplan/01.yaml:5 gives 192.0.2.10 to eth0 | sed -i '5s/^/#/' /etc/netplan/01.yaml && netplan apply",
			note + "/etc/netplan/01.yaml:8 gives 2001:db8::10 to lo | sed -i '8s/^/#/' /etc/netplan/01.yaml && netplan apply",
		}},
		{name: "cloud-init", files: files{
			"etc/cloud/cloud.cfg.d/50-net.cfg": "network:\n  config:\n  - name: eth0\n    type: physical\n    subnets:\n    - address: 192.0.2.10/24\n",
		}, want: []string{
			wrong + "/etc/cloud/cloud.cfg.d/50-net.cfg:6 gives 192.0.2.10 to eth0 | sed -i '6s/^/#/' /etc/cloud/cloud.cfg.d/50-net.cfg",
		}},
		{
			name: "redirect wants it nowhere", files: files{"etc/network/interfaces": "iface lo inet loopback\n up ip addr add 192.0.2.10/32 dev lo\n"},
			host: func(_ *Memory, o *Options) { o.Method = MethodRedirect },
			want: []string{wrong + "/etc/network/interfaces:2 gives 192.0.2.10 to lo | sed -i '2s/^/#/' /etc/network/interfaces"},
		},
	} {
		t.Run(test.name, test.run)
	}
}

func TestForeignPrograms(t *testing.T) {
	flush := files{
		"etc/nftables.conf": "#!/usr/sbin/nft -f\n\nflush ruleset\n",
		"etc/systemd/system/sysinit.target.wants/nftables.service": "->/lib/systemd/system/nftables.service",
	}
	redirect := func(_ *Memory, o *Options) { o.Method = MethodRedirect }
	for _, test := range []foreignTest{
		{name: "nftables and sysctl", files: flush},
		{name: "nftables and redirect", files: flush, host: redirect, want: []string{
			"note foreign-nftables: /etc/nftables.conf flushes all rules, and nftables.service reads it | " +
				"systemctl reload nftables && systemctl restart director-realserver.service",
		}},
		{name: "nftables that is off", files: files{"etc/nftables.conf": "flush ruleset\n"}, host: redirect},
		{name: "docker and kubernetes", host: func(h *Memory, _ *Options) {
			h.Link = append(h.Link, Link{Name: "docker0", Up: true, ARP: true}, Link{Name: "kube-ipvs0"})
		}, want: []string{
			"note foreign-docker: Docker runs on this host | docker ps --format '{{.Names}} {{.Ports}}'",
			"note foreign-kubernetes: kube-proxy runs in mode ipvs on this host | ip addr show kube-ipvs0",
		}},
	} {
		t.Run(test.name, test.run)
	}
}

// Without VIPs and a method, those that were applied are judged, each by its own.
func TestForeignApplied(t *testing.T) {
	h, o := newHost(), options(t, vipA)
	o.Method = MethodRedirect
	mustApply(t, o, h)
	o.Method, o.VIPs = "", []netip.Addr{vipB}
	mustApply(t, o, h)
	files{
		"etc/sysctl.d/1.conf":    "net.ipv4.conf.all.arp_ignore = 4\n",
		"etc/network/interfaces": "iface lo inet loopback\n up ip addr add 192.0.2.10/32 dev lo\n up ip addr add 192.0.2.11/32 dev lo\n",
	}.onHost(h)
	o.VIPs = nil
	findings, err := Foreign(o, h)
	if err != nil || len(findings) != 3 || findings[1].OK || !findings[2].OK {
		t.Errorf("%+v, %v", findings, err)
	}
}

// FuzzForeign: whatever is in the files, they are read.
func FuzzForeign(f *testing.F) {
	f.Add("net.ipv4.conf.*.arp_ignore = 0\n-net/ipv4/conf/eth0.1/proxy_arp\n[Match]\nName=lo !eth*\n[Network]\nAddress=192.0.2.10/24\n")
	f.Add("[connection]\ntype=loopback\n[ipv4]\naddress1=192.0.2.10/32;\n[keyfile]\nunmanaged-devices+=except:interface-name:~[\n")
	f.Add("iface eth0 inet static\n  address 192.0.2.10\n- name: eth1\n  addresses: [\"2001:db8::10/64\"]\nDEVICE='eth0'\nflush ruleset\n")
	f.Fuzz(func(t *testing.T, text string) {
		h, o := newHost(), options(t, vipA, vip6)
		files{
			"etc/sysctl.d/1.conf": text, "etc/sysctl.conf": text, "etc/ufw/ufw.conf": text, "etc/network/interfaces": text,
			"etc/systemd/network/1.network": text, "etc/systemd/network/1.network.d/1.conf": text, "run/systemd/netif/state": "",
			"etc/NetworkManager/NetworkManager.conf": text, "run/NetworkManager/system-connections/1.nmconnection": text,
			"etc/netplan/1.yaml": text, "etc/nftables.conf": text, sysctlFile: text,
		}.onHost(h)
		findings, err := Foreign(o, h)
		if err != nil && !strings.HasPrefix(text, header) {
			t.Error(err)
		}
		for _, f := range findings {
			if f.What == "" || f.Why == "" || f.Remedy == "" {
				t.Errorf("%+v", f)
			}
		}
	})
}

// FuzzParseSysctlText: what is read is written the same.
func FuzzParseSysctlText(f *testing.F) {
	f.Add(sysctlText([]bootSysctl{{ipv4Conf("eth0.10", "arp_ignore"), "0", "3", MethodSysctl}, {ipv4Conf("all", "hidden"), "0", "1", MethodHidden}}))
	f.Fuzz(func(t *testing.T, text string) {
		sysctls, err := parseSysctlText(text)
		if err != nil {
			return
		}
		once := sysctlText(sysctls)
		again, err := parseSysctlText(once)
		if err != nil || sysctlText(again) != once {
			t.Errorf("%q is read as %+v, %v", once, again, err)
		}
	})
}
