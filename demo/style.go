package demo

// Style says what the output may have besides lines of text.
type Style struct {
	Colour  bool // SGR escape sequences
	Animate bool // redraw lines in place, and pause so that they can be read
}

// ink is how a piece of text is written: the parameters of an SGR sequence.
type ink string

const (
	plain  ink = ""
	bold   ink = "1"
	faint  ink = "2"
	red    ink = "31"
	green  ink = "32"
	yellow ink = "33"
	blue   ink = "34"
	violet ink = "35"
	cyan   ink = "36"
)

// inkOf gives each host a colour.
func inkOf(host string) ink {
	inks := map[string]ink{"director": yellow, "web1": cyan, "web2": violet, "web3": blue, "": red}
	if i, ok := inks[host]; ok {
		return i
	}
	return bold
}

// paint returns the text in the ink, if there is colour.
func (s Style) paint(i ink, text string) string {
	if !s.Colour || i == plain || text == "" {
		return text
	}
	return "\x1b[" + string(i) + "m" + text + "\x1b[0m"
}
