package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"lvsdr/realserver"
)

func TestRealserverShow(t *testing.T) {
	host, state := newRealserverHost(), "--state-dir="+t.TempDir()
	show := func(args ...string) string {
		t.Helper()
		return mustRealserver(t, host, append([]string{"show", state}, args...)...)
	}
	if out := show(); out != "nothing was applied since this host's boot\n" {
		t.Errorf("before:\n%s", out)
	}
	mustRealserver(t, host, "apply", "--vip", "192.0.2.10", state)
	mustRealserver(t, host, "apply", "--vip", "192.0.2.11", "--method", "redirect", "--service", "tcp/80", state)
	if err := host.WriteSysctl("net/ipv4/conf/eth0/arp_announce", "1"); err != nil {
		t.Fatal(err)
	}
	want := `sysctl for 192.0.2.10:
       CHANGED                          BEFORE   NOW         APPLIED
ok     net.ipv4.conf.all.arp_ignore     0        3           3
ok     net.ipv4.conf.eth0.arp_ignore    0        3           3
ok     net.ipv4.conf.all.arp_announce   0        2           2
drift  net.ipv4.conf.eth0.arp_announce  0        1           2
ok     192.0.2.10/32 on lo              nothing  as applied  scope host, lo:0
redirect for 192.0.2.11:
       CHANGED                                        BEFORE   NOW         APPLIED
ok     nftables table ip lvsdr_realserver_192.0.2.11  nothing  as applied  prerouting: ip daddr 192.0.2.11 tcp dport 80 redirect
`
	if out := show(); out != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
	if out := show("--vip", "192.0.2.11"); strings.Contains(out, "192.0.2.10") || !strings.Contains(out, "192.0.2.11") {
		t.Errorf("of one VIP:\n%s", out)
	}
	var record realserver.Record
	if err := json.Unmarshal([]byte(show("--json")), &record); err != nil || len(record.Changes) != 6 || !record.Changes[3].Drift || record.File == "" {
		t.Errorf("%v: %+v", err, record)
	}
	mustRealserver(t, host, "apply", "--vip", "192.0.2.10", "--persist", "--program", "/usr/sbin/director", state)
	if out := show(); !strings.HasSuffix(out, "\nthe next boot applies 192.0.2.10\n") {
		t.Errorf("persisted:\n%s", out)
	}
	if out := show("--vip", "192.0.2.11"); strings.Contains(out, "boot") {
		t.Errorf("persisted, of one VIP:\n%s", out)
	}
}

// TestRealserverJSON: keys are a promise to programs, lists are never null, and the
// exit code is that of the text.
func TestRealserverJSON(t *testing.T) {
	host, state := newRealserverHost(), "--state-dir="+t.TempDir()
	run := func(fails bool, args ...string) map[string]any {
		t.Helper()
		out, err := runRealserver(host, append(args, "--json", state)...)
		var got map[string]any
		if jsonErr := json.Unmarshal([]byte(out), &got); jsonErr != nil || (err != nil) != fails {
			t.Fatalf("%q: %v, %v\n%s", args, err, jsonErr, out)
		}
		return got
	}
	want := func(got any, text string) {
		t.Helper()
		var wanted any
		if err := json.Unmarshal([]byte(text), &wanted); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, wanted) {
			t.Errorf("got %v, want %v", got, wanted)
		}
	}
	want(run(false, "undo"), `{"undone": [], "kept": [], "not_applied": []}`)
	shown := run(false, "show")
	want(shown["changes"], `[]`)
	want(shown["boot"], `[]`)
	checked := run(true, "check", "--vip", "192.0.2.10")
	want(checked["healthy"], `false`)
	want(checked["findings"].([]any)[1], `{"ok": false, "name": "vip-missing", "vip": "192.0.2.10", "interface": "lo", "what": "192.0.2.10/32 is not on lo", "remedy": "director realserver apply --vip 192.0.2.10",
		"why": "the host drops what the director sends it for the VIP, and clients hang"}`)
	applied := run(false, "apply", "--vip", "192.0.2.10")
	want(applied["vips"], `["192.0.2.10"]`)
	want(applied["steps"].([]any)[0], `{"change": "net.ipv4.conf.all.arp_ignore: 0 -> 3", "command": "sysctl -w net.ipv4.conf.all.arp_ignore=3", "vips": ["192.0.2.10"]}`)
	want(run(false, "apply", "--vip", "192.0.2.10"), `{"vips": ["192.0.2.10"], "steps": [], "pruned": {"undone": [], "kept": [], "not_applied": []}}`)
	want(run(false, "check")["healthy"], `true`)
	pruned := run(false, "apply", "--vip", "192.0.2.11", "--prune")["pruned"].(map[string]any)
	want(pruned["undone"], `["lo: remove 192.0.2.10/32"]`)
	want(run(false, "undo", "--vip", "192.0.2.11", "--vip", "192.0.2.10")["not_applied"], `["192.0.2.10"]`)
}
