package realserver

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// unitKind is one of the two units that a boot starts (systemd.unit(5)).
type unitKind struct {
	name string
	late bool // which lines are in it
	// order is what the unit waits for, and what waits for it.
	order string
}

// unitKinds are: what needs no network, done before there is one, so that no VIP is
// ever without what hides it; and what needs it. nftables.service of
// distributions begins with "flush ruleset", ufw has sysctls of its own: both are
// to have had their say.
var unitKinds = []unitKind{
	{
		name: "director-realserver.service",
		order: "DefaultDependencies=no\n" +
			"After=local-fs.target systemd-sysctl.service nftables.service ufw.service\n" +
			"Wants=network-pre.target\n" +
			"Before=network-pre.target network.target shutdown.target\n" +
			"Conflicts=shutdown.target\n",
	},
	{
		name: "director-realserver-late.service",
		late: true,
		order: "After=network-online.target nftables.service\n" +
			"Wants=network-online.target\n",
	},
}

const unitDir = "etc/systemd/system/"

// path is where the unit is.
func (k unitKind) path() string { return unitDir + k.name }

// linkPath is where the link is that enables the unit, as systemctl(1) makes it.
func (k unitKind) linkPath() string { return unitDir + "multi-user.target.wants/" + k.name }

// unit is the text of a unit that runs program for the lines.
func (k unitKind) unit(program string, lines []bootLine) string {
	var vips []netip.Addr
	mounts := []string{program}
	for _, l := range lines {
		vips = append(vips, l.VIPs...)
		mounts = append(mounts, l.StateDir)
	}
	names := make([]string, len(vips))
	for i, vip := range sortedAddrs(vips) {
		names[i] = vip.String()
	}
	var b strings.Builder
	b.WriteString(header)
	b.WriteString("# Either writes it anew: what is edited here is lost, but for drop-ins (systemctl edit).\n")
	fmt.Fprintf(&b, "[Unit]\nDescription=Real server for %s\n", strings.Join(names, ", "))
	fmt.Fprintf(&b, "RequiresMountsFor=%s\n%s\n", quoteWords(slices.Compact(slices.Sorted(slices.Values(mounts)))), k.order)
	b.WriteString("[Service]\nType=oneshot\nRemainAfterExit=yes\n")
	for _, l := range lines {
		words := slices.Concat([]string{program, "realserver", "apply"}, l.flags(), vipFlags(l.VIPs))
		fmt.Fprintf(&b, "ExecStart=%s\n", quoteWords(words))
	}
	for _, l := range slices.Backward(lines) {
		words := slices.Concat([]string{program, "realserver", "undo", "--runtime"}, l.where(), vipFlags(l.VIPs))
		fmt.Fprintf(&b, "ExecStop=%s\n", quoteWords(words))
	}
	b.WriteString("\n[Install]\nWantedBy=multi-user.target\n")
	return b.String()
}

// parseUnit reads the lines of a unit that was written here.
func parseUnit(text string) (program string, lines []bootLine, err error) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		value, ok := strings.CutPrefix(strings.TrimSpace(line), "ExecStart=")
		if !ok {
			continue
		}
		words, err := unquoteWords(value)
		if err == nil && (len(words) < 3 || words[1] != "realserver" || words[2] != "apply") {
			err = fmt.Errorf("not a call of realserver apply")
		}
		if err != nil {
			return "", nil, fmt.Errorf("line %d: %w", n, err)
		}
		l, err := parseBootLine(words[3:])
		if err != nil {
			return "", nil, fmt.Errorf("line %d: %w", n, err)
		}
		program = words[0]
		lines = append(lines, l)
	}
	return program, lines, nil
}

// quoteWords joins words as systemd.service(5) splits them ("COMMAND LINES").
func quoteWords(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		w = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`, `$`, `$$`).Replace(w)
		if w == "" || strings.ContainsAny(w, " \t'\"\\;") {
			w = `"` + w + `"`
		}
		quoted[i] = w
	}
	return strings.Join(quoted, " ")
}

// unquoteWords is the reverse of quoteWords.
func unquoteWords(text string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord, quoted := false, false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '"':
			quoted, inWord = !quoted, true
		case (c == ' ' || c == '\t') && !quoted:
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		case c == '\\' || c == '%' || c == '$':
			if i++; i == len(text) || text[i] != c && (c != '\\' || text[i] != '"') {
				return nil, fmt.Errorf("%q: a lone %q", text, c)
			}
			word.WriteByte(text[i])
			inWord = true
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if quoted {
		return nil, fmt.Errorf("%q: a quote has no end", text)
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}
