package realserver

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const program = "/usr/local/sbin/director"

// persistent is options that persist.
func persistent(t *testing.T, vips ...netip.Addr) Options {
	t.Helper()
	o := options(t, vips...)
	o.Persist, o.Program = true, program
	return o
}

// disk is what a file of the host says, or "" when there is none.
func disk(h *Memory, name string) string {
	if f := h.Disk[name]; f != nil {
		return string(f.Data)
	}
	return ""
}

const (
	early = "etc/systemd/system/director-realserver.service"
	late  = "etc/systemd/system/director-realserver-late.service"
	link  = "etc/systemd/system/multi-user.target.wants/director-realserver.service"
)

func TestPersist(t *testing.T) {
	h, o := newHost("eth0.10"), persistent(t, vip6, vipA)
	h.Sysctl[ipv4Conf("eth0", "arp_announce")] = "1"
	o.Interfaces = []string{"eth0", "eth0.10"}
	before := h.Snapshot()
	p := mustApply(t, o, h)
	wantText(t, "the plan's end", p.String()[strings.Index(p.String(), "/etc"):],
		"/etc/sysctl.d/99-zz-director-realserver.conf: write\n"+
			"/etc/systemd/system/director-realserver.service: write\n"+
			"/etc/systemd/system/multi-user.target.wants/director-realserver.service: link to /etc/systemd/system/director-realserver.service\n")
	wantText(t, sysctlFile, disk(h, sysctlFile), `# Written by director realserver apply --persist, removed by director realserver undo.
# Either writes it anew: what is edited here is lost. undo restores what "was".

# method sysctl; was 0
net.ipv4.conf.all.arp_announce = 2

# method sysctl; was 0
net.ipv4.conf.all.arp_ignore = 3

# method sysctl; was 0
-net/ipv4/conf/eth0.10/arp_announce = 2

# method sysctl; was 0
-net/ipv4/conf/eth0.10/arp_ignore = 3

# method sysctl; was 1
-net.ipv4.conf.eth0.arp_announce = 2

# method sysctl; was 0
-net.ipv4.conf.eth0.arp_ignore = 3
`)
	dir := "--state-dir " + o.StateDir
	wantText(t, early, disk(h, early), `# Written by director realserver apply --persist, removed by director realserver undo.
# Either writes it anew: what is edited here is lost, but for drop-ins (systemctl edit).
[Unit]
Description=Real server for 192.0.2.10, 2001:db8::10
RequiresMountsFor=`+o.StateDir+` /usr/local/sbin/director
DefaultDependencies=no
After=local-fs.target systemd-sysctl.service nftables.service ufw.service
Wants=network-pre.target
Before=network-pre.target network.target shutdown.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/director realserver apply `+dir+` --vip 192.0.2.10 --vip 2001:db8::10
ExecStop=/usr/local/sbin/director realserver undo --runtime `+dir+` --vip 192.0.2.10 --vip 2001:db8::10

[Install]
WantedBy=multi-user.target
`)
	wantText(t, link, disk(h, link), "/"+early)

	if p := mustApply(t, o, h); len(p.Steps) > 0 {
		t.Errorf("applied twice:\n%v", p)
	}
	mustUndo(t, o, h)
	wantSame(t, "undone", h.Snapshot(), before)
	wantNoRecord(t, o)
}

func wantText(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n%s\nwant\n%s", what, got, want)
	}
}

// wantExec wants the unit to run these lines, without the program and the state directory.
func wantExec(t *testing.T, h *Memory, unit string, o Options, want ...string) {
	t.Helper()
	var lines []string
	for line := range strings.Lines(disk(h, unit)) {
		line = strings.ReplaceAll(strings.TrimSpace(line), " --state-dir "+o.StateDir, "")
		if command, ok := strings.CutPrefix(line, "ExecStart="+program+" realserver apply "); ok {
			lines = append(lines, command)
		}
	}
	if !slices.Equal(lines, want) {
		t.Errorf("/%s runs %q, want %q", unit, lines, want)
	}
}

// The unit that the documentation shows is the one that is written.
func TestPersistDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/real-servers.md")
	if err != nil {
		t.Fatal(err)
	}
	o, err := Options{VIPs: []netip.Addr{vipA}}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	if unit := unitKinds[0].unit(program, []bootLine{o.bootLine()}); !strings.Contains(string(text), "```ini\n"+unit+"```") {
		t.Errorf("not in docs/real-servers.md:\n%s", unit)
	}
	for _, name := range append(ownFiles()[:3], NameForeignSysctl, NameForeignNetworkd, NameForeignNetworkManager, NameForeignAddress,
		NameForeignNFTables, NameForeignDocker, NameForeignKubernetes) {
		if !strings.Contains(string(text), name) {
			t.Errorf("docs/real-servers.md lacks %s", name)
		}
	}
}

// VIPs that come and go one by one share the files; each keeps its options.
func TestPersistOneByOne(t *testing.T) {
	h, o := newHost(), persistent(t)
	before := h.Snapshot()
	vipC, vipD := netip.MustParseAddr("192.0.2.12"), netip.MustParseAddr("192.0.2.13")
	tcp := Service{Protocol: "tcp", First: 80, Last: 80}
	add := func(o Options, vip netip.Addr) { o.VIPs = []netip.Addr{vip}; mustApply(t, o, h) }
	add(o, vipA)
	redirect := o
	redirect.Method, redirect.Services = MethodRedirect, []Service{tcp}
	add(redirect, vipB)
	redirect.Services = []Service{{Protocol: "udp"}}
	add(redirect, vipB)
	arptables := o
	arptables.Method, arptables.AddressOn, arptables.Interfaces = MethodARPTables, "eth0", []string{"eth0"}
	add(arptables, vipC)
	one := o
	one.ARPIgnore = 1
	add(one, vipD)
	add(o, vip6)
	wantExec(t, h, early, o,
		"--vip 192.0.2.10 --vip 2001:db8::10",
		"--method redirect --service tcp/80 --service udp --vip 192.0.2.11",
		"--arp-ignore 1 --vip 192.0.2.13")
	wantExec(t, h, late, o, "--method arptables --interface eth0 --vip-on eth0 --vip 192.0.2.12")

	remove := func(vips ...netip.Addr) { o := o; o.VIPs = vips; mustUndo(t, o, h) }
	remove(vipA, vipC)
	wantExec(t, h, early, o,
		"--method redirect --service tcp/80 --service udp --vip 192.0.2.11",
		"--arp-ignore 1 --vip 192.0.2.13",
		"--vip 2001:db8::10")
	if disk(h, late) != "" || disk(h, sysctlFile) == "" || h.Sysctl[ipv4Conf("all", "arp_ignore")] != "3" {
		t.Errorf("two of five undone: %s", h.Snapshot())
	}
	remove(vipD)
	if disk(h, sysctlFile) != "" {
		t.Errorf("no VIP needs it:\n%s", disk(h, sysctlFile))
	}
	remove(vipB, vip6)
	wantSame(t, "all undone", h.Snapshot(), before)
}

// reboot is the host after a boot: what lives in the kernel is gone but for what it has by
// itself, systemd-sysctl has read our file, and the units have run.
func reboot(t *testing.T, h *Memory, units bool) *Memory {
	t.Helper()
	fresh := newHost()
	fresh.ID = Identity{Boot: h.ID.Boot + "+1", NetNS: 1}
	fresh.Disk = h.Disk
	sysctls, err := parseSysctlText(disk(h, sysctlFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range sysctls {
		if fresh.Sysctl[b.Path] == "" {
			t.Fatalf("the boot cannot set %s", b.Path)
		}
		fresh.Sysctl[b.Path] = b.Value
	}
	for _, unit := range []string{early, late} {
		if !units {
			break
		}
		_, lines, err := parseUnit(disk(h, unit))
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			mustApply(t, Options{
				VIPs: l.VIPs, Method: l.Method, ARPIgnore: l.ARPIgnore, Services: l.Services,
				AddressOn: l.AddressOn, Interfaces: l.Interfaces, StateDir: l.StateDir,
			}, fresh)
		}
	}
	return fresh
}

// After a boot the host is as apply left it, and undo leaves nothing of that.
func TestPersistReboot(t *testing.T) {
	eachRecipe(t, func(t *testing.T, r recipe) {
		if r.method == MethodHidden {
			return // newHost, which boots, has not that patch
		}
		h, o := newHost(), r.options(t, vipA, vipB)
		o.Persist, o.Program = true, program
		before := h.Snapshot()
		mustApply(t, o, h)
		applied := h.Snapshot()
		booted := reboot(t, h, true)
		wantSame(t, "booted", booted.Snapshot(), applied)

		o.Persist = false
		if p := mustApply(t, o, booted); len(p.Steps) > 0 {
			t.Errorf("applied after a boot:\n%v", p)
		}
		o.VIPs = []netip.Addr{vipA}
		mustUndo(t, o, booted)
		o.VIPs = nil
		if findings, err := Check(o, booted); err != nil || !Healthy(findings) {
			t.Errorf("one of two undone: %v, %+v", err, findings)
		}
		mustUndo(t, o, booted)
		wantSame(t, "undone after a boot", booted.Snapshot(), before)
		wantNoRecord(t, o)

		again := newHost()
		o.VIPs, o.Persist = []netip.Addr{vipA}, true
		mustApply(t, o, again)
		failed := reboot(t, again, false)
		o.VIPs = nil
		if findings, err := Check(o, failed); err != nil || Healthy(findings) {
			t.Errorf("the unit did not run, and check says %v, %+v", err, findings)
		}
		mustUndo(t, o, failed)
		wantSame(t, "undone after a boot without the unit", failed.Snapshot(), before)
	})
}

// Stopping the unit leaves the files, and starting it again is as before.
func TestPersistRuntime(t *testing.T) {
	h, o := newHost(), persistent(t, vipA, vip6)
	before := h.Snapshot()
	mustApply(t, o, h)
	files, applied := h.Disk, h.Snapshot()
	for range 2 {
		stop := o
		stop.Runtime = true
		mustUndo(t, stop, h)
		h.Disk = newHost().Disk
		wantSame(t, "stopped", h.Snapshot(), before)
		h.Disk = files
		if _, err := Undo(stop, h); !errors.Is(err, ErrNothingApplied) {
			t.Errorf("stopped twice: %v", err)
		}
		start := o
		start.Persist = false
		mustApply(t, start, h)
		wantSame(t, "started again", h.Snapshot(), applied)
		h = reboot(t, h, true)
	}
	mustUndo(t, o, h)
	wantSame(t, "undone", h.Snapshot(), before)
}

func TestPersistRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		mangle func(*Memory, *Options)
		want   string
	}{
		{"read-only", func(h *Memory, _ *Options) { h.ReadOnlyDisk = true }, "read-only file system (a container, or an immutable system?)"},
		{"not root", func(h *Memory, _ *Options) { h.Unprivileged = true }, "run it as root"},
		{"no systemd", func(h *Memory, o *Options) { h.Disk = nil; o.Method = MethodRedirect }, "systemd does not boot this host: have its own boot call, " +
			"before the LAN's interface gets an address: /usr/local/sbin/director realserver apply --method redirect"},
		{"a unit of somebody's", func(h *Memory, _ *Options) {
			h.Disk[early] = &fstest.MapFile{Data: []byte("[Unit]\n")}
		}, "systemctl disable --now director-realserver.service && rm /etc/systemd/system/director-realserver.service"},
		{"a sysctl.d file of somebody's", func(h *Memory, _ *Options) {
			h.Disk[sysctlFile] = &fstest.MapFile{Data: []byte("kernel.panic = 1\n")}
		}, "/etc/sysctl.d/99-zz-director-realserver.conf: it was not written by apply --persist"},
		{"edited", func(h *Memory, _ *Options) {
			h.Disk[early] = &fstest.MapFile{Data: []byte(header + "ExecStart=/x realserver apply --fast yes\n")}
		}, "line 2: --fast yes: unknown: it was edited by hand"},
		{"a relative program", func(_ *Memory, o *Options) { o.Program = "bin/director" }, "an absolute path is needed"},
		{"a relative state directory", func(_ *Memory, o *Options) { o.StateDir = "state" }, `state directory "state": an absolute path is needed`},
		{"a line end in it", func(_ *Memory, o *Options) { o.StateDir += "\nExecStartPost=/bin/id" }, "an absolute path is needed, in one line"},
		{"a program that does not last", func(_ *Memory, o *Options) { o.Program = "" }, "install it (make install)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, o := newHost(), persistent(t, vipA)
			test.mangle(h, &o)
			before := h.Snapshot()
			_, err := Apply(o, h)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v\nwant %q", err, test.want)
			}
			wantSame(t, "refused", h.Snapshot(), before)
			wantNoRecord(t, o)
		})
	}
}

// What the next boot does to a VIP is known to those that ask for something else.
func TestPersistOtherOptions(t *testing.T) {
	h, o := newHost(), persistent(t, vipA)
	mustApply(t, o, h)
	h = reboot(t, h, false)
	for _, test := range []struct {
		change func(*Options)
		want   string
	}{
		{func(o *Options) { o.Method = MethodRedirect }, "method sysctl was applied to it"},
		{func(o *Options) { o.StateDir = t.TempDir() }, "--state-dir " + o.StateDir},
	} {
		other := o
		test.change(&other)
		if _, err := Apply(other, h); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("apply: %v, want %q", err, test.want)
		}
	}
	other := o
	other.StateDir = t.TempDir()
	if _, err := Undo(other, h); err == nil || !strings.Contains(err.Error(), "--state-dir "+o.StateDir) {
		t.Errorf("undo with another state directory: %v", err)
	}
}

// A file that cannot be written takes everything back.
func TestPersistRollsBack(t *testing.T) {
	for n := 1; ; n++ {
		h, o := newHost(), persistent(t, vipA, vip6)
		first := o
		first.VIPs = []netip.Addr{vipB}
		mustApply(t, first, h)
		before := h.Snapshot()
		writes, full := 0, errors.New("no space left on device")
		h.Hook = func(change string) error {
			if strings.HasPrefix(change, "before put ") {
				if writes++; writes == n {
					return full
				}
			}
			return nil
		}
		_, err := Apply(o, h)
		h.Hook = nil
		if writes < n {
			if err != nil || n != 2 {
				t.Errorf("%d files were written: %v", n-1, err)
			}
			return
		}
		if !errors.Is(err, full) {
			t.Errorf("file %d: %v", n, err)
		}
		wantSame(t, "rolled back", h.Snapshot(), before)
	}
}

func TestPersistKilled(t *testing.T) {
	eachRecipe(t, func(t *testing.T, r recipe) {
		points := 0
		for n := 1; ; n++ {
			h, o := r.host(), r.options(t, vipA, vip6)
			o.Persist, o.Program = true, program
			before := h.Snapshot()
			if !kill(t, o, h, n, apply) {
				break
			}
			points = n
			killed := h.Disk
			mustUndo(t, o, h)
			wantSame(t, "killed in apply, undone", h.Snapshot(), before)
			wantNoRecord(t, o)

			h.Disk = killed
			mustApply(t, o, h)
			mustUndo(t, o, h)
			wantSame(t, "killed in apply, applied, undone", h.Snapshot(), before)

			mustApply(t, o, h)
			kill(t, o, h, n, undo)
			mustUndo(t, o, h)
			wantSame(t, "killed in undo, undone", h.Snapshot(), before)
			wantNoRecord(t, o)
		}
		if points < 10 {
			t.Errorf("%d points to die at", points)
		}
	})
}

// A killed apply of one more VIP leaves nothing of it when that is undone, after a boot too.
func TestPersistKilledAddingOne(t *testing.T) {
	for n := 1; ; n++ {
		h, o := newHost(), persistent(t, vipA)
		mustApply(t, o, h)
		clean := h.Snapshot()
		o.VIPs, o.ARPIgnore = []netip.Addr{vipB}, 1
		dead := kill(t, o, h, n, apply)
		mustUndo(t, o, h)
		wantSame(t, "the second undone", h.Snapshot(), clean)
		wantSame(t, "booted", reboot(t, h, true).Snapshot(), clean)
		if !dead {
			return
		}
	}
}

// A write that was killed half way leaves a file that nobody reads; undo removes it.
func TestPersistTorn(t *testing.T) {
	h, o := newHost(), persistent(t, vipA)
	before := h.Snapshot()
	h.Disk[sysctlFile+tmpSuffix] = &fstest.MapFile{Data: []byte(header)}
	mustUndo(t, o, h)
	wantSame(t, "undone", h.Snapshot(), before)
	mustApply(t, o, h)
	applied := h.Snapshot()
	h.Disk[early+tmpSuffix] = &fstest.MapFile{Data: []byte(header)}
	o.VIPs = []netip.Addr{vipB}
	mustApply(t, o, h)
	mustUndo(t, o, h)
	wantSame(t, "one of two undone", h.Snapshot(), applied)
}

// What is not listed any more leaves the files too, with --persist or without.
func TestPersistPrune(t *testing.T) {
	for _, persist := range []bool{true, false} {
		h, o := newHost(), persistent(t, vipA, vipB)
		before := h.Snapshot()
		mustApply(t, o, h)
		o.VIPs, o.Prune, o.Persist = []netip.Addr{vipB}, true, persist
		mustApply(t, o, h)
		wantExec(t, h, early, o, "--vip 192.0.2.11")
		if p := mustApply(t, o, h); p.String() != "nothing to do\n" {
			t.Errorf("again: %v", p)
		}
		h.ReadOnlyDisk = true
		o.VIPs = []netip.Addr{vipA}
		pruned := h.Snapshot()
		if _, err := Apply(o, h); err == nil {
			t.Error("pruned what the next boot brings back")
		}
		wantSame(t, "refused", h.Snapshot(), pruned)
		h.ReadOnlyDisk = false
		o.VIPs = nil
		mustUndo(t, o, h)
		wantSame(t, "undone", h.Snapshot(), before)
	}
}

// With method redirect, services come to those that were there, unless they are pruned.
func TestPersistServices(t *testing.T) {
	h, o := newHost(), persistent(t, vipA)
	o.Method, o.Services = MethodRedirect, []Service{{Protocol: "tcp"}}
	mustApply(t, o, h)
	h = reboot(t, h, false)
	o.Services, o.ServicesOf = nil, map[netip.Addr][]Service{vipA: {{Protocol: "udp"}}}
	mustApply(t, o, h)
	wantExec(t, h, early, o, "--method redirect --service tcp --service udp --vip 192.0.2.10")
	o.Prune = true
	mustApply(t, o, h)
	wantExec(t, h, early, o, "--method redirect --service udp --vip 192.0.2.10")
}

// check says what a boot will do, and why it will not.
func TestPersistCheck(t *testing.T) {
	h, o := newHost(), persistent(t, vipA)
	o.Method = MethodRedirect
	mustApply(t, o, h)
	want := func(want Finding) {
		t.Helper()
		findings, err := Check(o, h)
		i := slices.IndexFunc(findings, func(f Finding) bool { return f.Name == NamePersist })
		if err != nil || i < 0 || findings[i] != want {
			t.Errorf("%+v, %v\nwant %+v", findings, err, want)
		}
	}
	want(Finding{Name: NamePersist, OK: true, What: "a boot applies 192.0.2.10 (director-realserver.service)"})
	delete(h.Disk, program[1:])
	want(Finding{
		Name: NamePersist, What: "director-realserver.service runs /usr/local/sbin/director, which is not there",
		Why:    "after the next boot the host has no VIP",
		Remedy: "director realserver apply --persist --method redirect --state-dir " + o.StateDir + " --vip 192.0.2.10",
	})
	delete(h.Disk, link)
	want(Finding{
		Name: NamePersist, What: "director-realserver.service is there, but not enabled",
		Why: "after the next boot the host has no VIP", Remedy: "systemctl enable director-realserver.service",
	})
}

// systemctl disable is respected.
func TestPersistDisabled(t *testing.T) {
	h, o := newHost(), persistent(t, vipA, vipB)
	mustApply(t, o, h)
	delete(h.Disk, link)
	o.VIPs = []netip.Addr{vipA}
	mustUndo(t, o, h)
	if h.Disk[link] != nil {
		t.Error("undo enabled the unit again")
	}
	o.VIPs = []netip.Addr{vipB}
	mustApply(t, o, h)
	if h.Disk[link] == nil {
		t.Error("apply --persist did not enable the unit")
	}
}

func TestUnitWords(t *testing.T) {
	for _, words := range [][]string{
		{"/usr/sbin/director", "realserver"},
		{"/opt/my programs/50% $HOME/director", `a"b\c`, "", "tab\there", "semi;colon"},
	} {
		got, err := unquoteWords(quoteWords(words))
		if err != nil || !slices.Equal(got, words) {
			t.Errorf("%q becomes %q, %v", words, got, err)
		}
	}
	for _, text := range []string{`"open`, `%n`, `$HOME`, `a\`, `\n`} {
		if words, err := unquoteWords(text); err == nil {
			t.Errorf("%s is read as %q", text, words)
		}
	}
}

func FuzzParseUnit(f *testing.F) {
	f.Add(header + "ExecStart=/x realserver apply --method redirect --service tcp/80 --vip 192.0.2.10\n")
	f.Add(`ExecStart="/a b" realserver apply --vip 2001:db8::1 --state-dir "/x y" --arp-ignore 1`)
	f.Fuzz(func(t *testing.T, text string) {
		program, lines, err := parseUnit(text)
		if err != nil || len(lines) == 0 {
			return
		}
		again := unitKinds[0].unit(program, lines)
		if p, l, err := parseUnit(again); err != nil || p != program || len(l) != len(lines) {
			t.Errorf("written again:\n%s\n%v", again, err)
		}
	})
}

// readFile does not follow links, and a file that is not there is none.
func TestReadFile(t *testing.T) {
	fsys := fstest.MapFS{
		"a": {Data: []byte("text")},
		"b": {Data: []byte("/nowhere"), Mode: fs.ModeSymlink | 0o777},
	}
	for name, want := range map[string]*File{"a": {Path: "a", Text: "text"}, "b": {Path: "b", Link: "/nowhere"}, "c": nil} {
		got, err := readFile(fsys, name)
		if err != nil || (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
