package config

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const example = "../docs/director.yaml"

// allKeys are the keys of every mapping.
func allKeys() []string {
	var keys []string
	for _, g := range []grammar{
		rootKeys, adminKeys, timeoutsKeys, quotasKeys, ipvsKeys, serviceKeys, persistenceKeys, checkKeys, realServerKeys,
	} {
		keys = append(keys, g.keys...)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// documented matches a line of the example: its indentation, whether it is
// commented out, the key.
var documented = regexp.MustCompile(`^( *)(# )?(?:- )?([a-z_]+):(?: .*)?$`)

// TestExample loads docs/director.yaml. Every default that it has as a comment
// must make no difference when the comment sign is taken away, alone and with
// all others; and every key must be there.
func TestExample(t *testing.T) {
	c, err := Load(example)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	all := slices.Clone(lines)
	keys := allKeys()
	missing := slices.Clone(keys)
	defaults := 0
	for i, line := range lines {
		m := documented.FindStringSubmatch(line)
		if m == nil || !slices.Contains(keys, m[3]) {
			continue
		}
		missing = slices.DeleteFunc(missing, func(k string) bool { return k == m[3] })
		if m[2] == "" {
			continue
		}
		defaults++
		all[i] = strings.Replace(line, "# ", "", 1)
		one := slices.Clone(lines)
		one[i] = all[i]
		sameConfig(t, c, one, fmt.Sprintf("line %d, %s", i+1, strings.TrimSpace(all[i])))
	}
	sameConfig(t, c, all, "all defaults")
	if len(missing) > 0 {
		t.Errorf("not in %s: %v", example, missing)
	}
	if defaults < 55 {
		t.Errorf("only %d defaults found: has their form changed?", defaults)
	}
}

func sameConfig(t *testing.T, want *Config, lines []string, what string) {
	t.Helper()
	got, err := Parse(example, []byte(strings.Join(lines, "\n")))
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	if !want.Equal(got) {
		t.Errorf("%s: is not the default:\nwithout %+v\nwith    %+v", what, want, got)
	}
}

// TestConfigurationPage: the page for users names every key, also those that
// are refused.
func TestConfigurationPage(t *testing.T) {
	page, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range slices.Concat(allKeys(), ipvsKeys.idle, serviceKeys.later) {
		if !strings.Contains(string(page), "`"+key+"`") {
			t.Errorf("docs/configuration.md does not name `%s`", key)
		}
	}
	running := &Config{
		Workers: 1, Connections: 1024, RouterID: 1, StateDir: "/x", RestartGrace: 1, Rules: "/z", Admin: Admin{Socket: "/y"},
	}
	for _, key := range running.NeedRestart(&Config{
		Ingress: "eth0", Egress: "eth1", MAC: MACInterface, Conflict: ConflictRefuse, Poll: PollSpin,
	}) {
		row := regexp.MustCompile("(?m)^\\| `" + key + "` \\|.*\\| restart \\|$")
		if !row.Match(page) {
			t.Errorf("docs/configuration.md does not say that `%s` needs a restart", key)
		}
	}
}
