package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lvsdr/config"
	"lvsdr/director"
	"lvsdr/director/memhost"
	"lvsdr/frame"
)

// TestRuleThatTheHostRefuses: the start fails at its line, which a check of the
// files alone cannot find.
func TestRuleThatTheHostRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ipvsadm.rules")
	text := "-A -t 192.0.2.11:80 -s rr\n\n-a -t 192.0.2.11:80 -r 192.0.2.1:80 -g\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse("director.yaml", []byte("ingress: eth0\nrules: "+file+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := checkRules(c); err != nil {
		t.Errorf("the files alone: %v", err)
	}
	rules, err := readRules(c.Rules)
	if err != nil {
		t.Fatal(err)
	}
	host := memhost.New()
	host.AddInterface("eth0", frame.MAC{2, 0, 0, 0, 0, 1}, netip.MustParsePrefix("192.0.2.1/24"))
	_, err = director.New(director.Options{Config: c, Rules: rules.Changes, Host: host})
	if err = placed(err, rules); err == nil || !strings.HasPrefix(err.Error(), "rules: "+file+":3: ") || !strings.Contains(err.Error(), "address of this host") {
		t.Errorf("%v", err)
	}
}
