package demo

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestTopology(t *testing.T) {
	upper := []box{
		{"client", []string{"192.0.2.1", "02:00:00:00:00:01"}},
		{"director", []string{"192.0.2.2", "02:00:00:00:00:02"}},
	}
	lower := []box{
		{"web1", []string{"192.0.2.21", "02:00:00:00:00:21", "lo: 192.0.2.10/32"}},
		{"web2", []string{"192.0.2.22", "02:00:00:00:00:22"}},
		{"web3", []string{"192.0.2.23", "02:00:00:00:00:23"}},
	}
	want := `
    ┌───────────────────┐                            ┌───────────────────┐
    │ client            │                            │ director          │
    │ 192.0.2.1         │                            │ 192.0.2.2         │
    │ 02:00:00:00:00:01 │                            │ 02:00:00:00:00:02 │
    └─────────┬─────────┘                            └─────────┬─────────┘
    ══════════╪════ 192.0.2.0/24 ═════╤════════════════════════╪══════════
    ┌─────────┴─────────┐   ┌─────────┴─────────┐    ┌─────────┴─────────┐
    │ web1              │   │ web2              │    │ web3              │
    │ 192.0.2.21        │   │ 192.0.2.22        │    │ 192.0.2.23        │
    │ 02:00:00:00:00:21 │   │ 02:00:00:00:00:22 │    │ 02:00:00:00:00:23 │
    │ lo: 192.0.2.10/32 │   │                   │    │                   │
    └───────────────────┘   └───────────────────┘    └───────────────────┘
`
	compare(t, want, topology(Style{}, upper, lower, "192.0.2.0/24"))
	if diff := cmp.Diff(lines(want), unpainted(topology(Style{Colour: true}, upper, lower, "192.0.2.0/24"))); diff != "" {
		t.Errorf("colour moves the drawing (-want +got)\n%s", diff)
	}
}

func TestTopologyWithOneHost(t *testing.T) {
	compare(t, `
    ┌───┐
    │ a │
    └─┬─┘
    ══╧═══════════════════════════════════════════════════════════════════
`, topology(Style{}, []box{{name: "a"}}, nil, "lan")[:4])
}

func TestBar(t *testing.T) {
	for _, test := range []struct {
		value, most, cells int
		want               string
	}{
		{0, 100, 4, "    "},
		{100, 100, 4, "████"},
		{200, 100, 4, "████"},
		{50, 100, 4, "██  "},
		{1, 32, 4, "▏   "},
		{31, 32, 4, "███▉"},
		{3, 0, 4, "    "},
	} {
		if got := bar(test.value, test.most, test.cells); got != test.want {
			t.Errorf("bar(%d, %d, %d) = %q, want %q", test.value, test.most, test.cells, got, test.want)
		}
	}
}

func TestBars(t *testing.T) {
	servers := []string{"web1", "web2", "web3"}
	compare(t, `
    web1    █████████████████████████████████               100   33 %
    web2    ████████████████▌                                50   17 %
    web3    ████████████████████████████████████████████    150   50 %
`, bars(Style{}, servers, map[string]int{"web1": 100, "web2": 50, "web3": 150}, 300))
	compare(t, `
    web1                                                      0    0 %
    failed  █████████████████████████████████                 3
`, bars(Style{}, servers[:1], map[string]int{"": 3}, 3))
}

func TestTimeline(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(tenths float64) time.Time { return start.Add(time.Duration(tenths * 1e8)) }
	var answers []answer
	add := func(server string, tenths float64, n int) {
		for range n {
			answers = append(answers, answer{started: at(tenths), server: server})
		}
	}
	for i := range 8 {
		add("web1", float64(i), 4)
		if i < 3 {
			add("web2", float64(i), 4)
		}
	}
	add("web1", 5, 4)
	add("", 3, 1)
	chart := timeline{start: start, span: 100 * time.Millisecond, servers: []string{"web1", "web2"}}
	chart.note(at(3), "web2 stops")
	chart.note(at(3.4), "noticed")
	compare(t, `
    web1    ▄▄▄▄▄█▄▄                                                        36
    web2    ▄▄▄                                                             12
    failed     ▁                                                             1
               ab
            a web2 stops   b noticed
`, chart.draw(Style{}, answers, at(8)))

	// Much later, only the end is shown.
	answers = nil
	add("web1", 0, 1)
	add("web1", 99, 1)
	compare(t, `
    web1                                                               █     1
    web2                                                                     0
    failed                                                                   0

            a web2 stops   b noticed
`, chart.draw(Style{}, answers, at(99)))
}

func TestPaint(t *testing.T) {
	if got := (Style{}).paint(red, "x"); got != "x" {
		t.Errorf("without colour: %q", got)
	}
	if got := (Style{Colour: true}).paint(red, "x"); got != "\x1b[31mx\x1b[0m" {
		t.Errorf("with colour: %q", got)
	}
}

func TestScreen(t *testing.T) {
	show := func(style Style) string {
		var out bytes.Buffer
		s := &screen{out: &out, style: style}
		s.line("before")
		s.draw([]string{"one 1", "two 1, which is long"})
		s.draw([]string{"one 2", "two 2"})
		s.settle([]string{"one 3", "two 3"})
		s.line("after")
		if s.err != nil {
			t.Error(s.err)
		}
		return out.String()
	}
	const want = "before\none 3\ntwo 3\nafter\n"
	if got := show(Style{}); got != want {
		t.Errorf("plain: %q", got)
	}
	if got := strings.Join(terminal(show(Style{Animate: true})), "\n") + "\n"; got != want {
		t.Errorf("on a terminal:\n%s", got)
	}
}

func TestPauseEndsEarly(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	(&screen{style: Style{Animate: true}}).pause(ctx, time.Hour)
	(&screen{}).pause(context.Background(), time.Hour)
}

// terminal replays what was written on one, as far as a screen goes, and
// returns the lines that are then seen.
func terminal(text string) []string {
	rows, row := [][]rune{nil}, 0
	column := 0
	for text != "" {
		if rest, ok := strings.CutPrefix(text, "\x1b["); ok {
			end := strings.IndexFunc(rest, func(r rune) bool { return r >= '@' })
			n := 0
			for _, digit := range rest[:end] {
				n = n*10 + int(digit-'0')
			}
			switch rest[end] {
			case 'A':
				row -= n
			case 'K':
				rows[row] = rows[row][:min(column, len(rows[row]))]
			}
			text = rest[end+1:]
			continue
		}
		r, size := utf8.DecodeRuneInString(text)
		text = text[size:]
		switch r {
		case '\r':
			column = 0
		case '\n':
			row, column = row+1, 0
			if row == len(rows) {
				rows = append(rows, nil)
			}
		default:
			for len(rows[row]) <= column {
				rows[row] = append(rows[row], ' ')
			}
			rows[row][column] = r
			column++
		}
	}
	var seen []string
	for _, r := range rows[:len(rows)-1] {
		seen = append(seen, string(r))
	}
	return seen
}

func lines(text string) []string { return strings.Split(strings.Trim(text, "\n"), "\n") }

func unpainted(painted []string) []string { return terminal(strings.Join(painted, "\n") + "\n") }

func compare(t *testing.T, want string, got []string) {
	t.Helper()
	if diff := cmp.Diff(lines(want), got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
