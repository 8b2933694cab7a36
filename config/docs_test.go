package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
		rootKeys, adminKeys, timeoutsKeys, quotasKeys, ipvsKeys, serviceKeys, persistenceKeys, quorumKeys, checkKeys, realServerKeys,
		notifyKeys, notifyProgramKeys, notifyWebhookKeys, dynamicWeightKeys,
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
	for _, key := range slices.Concat(allKeys(), ipvsKeys.idle) {
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

// yamlBlock matches an example of a configuration in a page.
var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```")

// TestExamplesOnPages: what a page shows is what the director takes. Only the
// interface may be left out.
func TestExamplesOnPages(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := 0
	for _, page := range append(pages, "../README.md") {
		for _, m := range yamlBlock.FindAllStringSubmatch(readPage(t, page), -1) {
			examples++
			text := m[1]
			if !strings.Contains(text, "ingress:") {
				text = "ingress: eth0\n" + text
			}
			if c, err := Parse(page, []byte(text)); err != nil || len(c.Warnings) > 0 {
				t.Errorf("%s:\n%s%v", page, text, err)
			}
		}
	}
	if examples < 5 {
		t.Errorf("only %d examples found: has their form changed?", examples)
	}
}

// inlineCheck matches a check in the text of a page, or in a table.
var inlineCheck = regexp.MustCompile("`(\\{kind: [^`…]*\\})`")

// TestChecksOnPage: the checks of the tables, those ported from others among them,
// are what the director takes, but that this host lacks their files and users.
func TestChecksOnPage(t *testing.T) {
	checks := inlineCheck.FindAllStringSubmatch(readPage(t, "../docs/health-checks.md"), -1)
	if len(checks) < 25 {
		t.Errorf("only %d checks found: has their form changed?", len(checks))
	}
	for _, m := range checks {
		text := "ingress: eth0\nservices: [{address: 192.0.2.10:80, check: " + m[1] + ", real_servers: [192.0.2.21]}]\n"
		_, err := Parse("page", []byte(text))
		var errs Errors
		if err != nil && !errors.As(err, &errs) {
			t.Fatal(err)
		}
		for _, e := range errs {
			if !strings.Contains(e.Error(), "does not exist") && !strings.Contains(e.Error(), "insecure: on") {
				t.Errorf("%s: %v", m[1], e)
			}
		}
	}
}

func readPage(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestIPVSPage: it names each setting of the kernel's IPVS, and says of those
// that have an effect what the default is, there and here.
func TestIPVSPage(t *testing.T) {
	page := readPage(t, "../docs/ipvs.md")
	for _, name := range idleNames() {
		if !strings.Contains(page, "`"+name+"`") && !strings.HasPrefix(name, "timeout_") {
			t.Errorf("docs/ipvs.md does not name `%s`", name)
		}
	}
	isDefault := func(compat, key, value string) bool {
		plain, err := Parse("plain", []byte("ingress: eth0\ncompat: "+compat))
		if err != nil {
			t.Fatal(err)
		}
		set, err := Parse("set", fmt.Appendf(nil, "ingress: eth0\ncompat: %s\nipvs: {%s: %s}", compat, key, value))
		return err == nil && set.Equal(plain)
	}
	for _, key := range ipvsKeys.keys {
		row := regexp.MustCompile("(?m)^\\| (?:`\\w+`, )*`" + key + "`(?:, `\\w+`)* \\| (\\d+) \\| \\**(\\d+)\\** \\|").FindStringSubmatch(page)
		switch {
		case row == nil:
			t.Errorf("docs/ipvs.md has no row for `%s`", key)
		case !isDefault("ipvs", key, row[1]) || !isDefault("none", key, row[2]):
			t.Errorf("docs/ipvs.md says of `%s`: %s and %s", key, row[1], row[2])
		}
	}
}
