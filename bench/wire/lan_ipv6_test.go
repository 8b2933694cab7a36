package wire

import (
	"errors"
	"strings"
	"testing"

	"lvsdr/bench"
	"lvsdr/bench/generator"
)

// TestLANIPv6: what takes IPv6 gets all of it to the servers; what does not is
// skipped, and says so.
func TestLANIPv6(t *testing.T) {
	protocols := []generator.Protocol{generator.UDP, generator.TCP}
	for i, p := range Peers() {
		t.Run(p.Name, func(t *testing.T) {
			o := options(t)
			o.IPv6, o.Protocol, o.Size = true, protocols[i%2], 0
			if err := o.complete(); err != nil {
				t.Fatal(err)
			}
			g := newTestSite(t, o).newSegment(p)
			err := g.start(t.Context())
			switch {
			case errors.Is(err, bench.ErrSkip) && p.Name == "ipvs":
				t.Log(err)
			case strings.HasPrefix(p.Name, "director"):
				if !errors.Is(err, bench.ErrSkip) || !strings.Contains(err.Error(), "it takes no IPv6 services yet: director.yaml:") {
					t.Errorf("%v", err)
				}
			case err != nil:
				t.Fatal(err)
			default:
				checkSlow(t, g)
			}
		})
	}
}

func TestNextRate(t *testing.T) {
	g := &segment{site: &site{options: Options{Loss: 0.001}}}
	for _, c := range []struct{ loss, want float64 }{{0, 1250}, {0.0004, 1250}, {0.001, 1000}, {0.02, 1000}, {0.03, 500}, {1, 500}} {
		o := &opening{segment: g, rate: 1000, least: 300}
		if got := o.nextRate(c.loss); got != c.want {
			t.Errorf("loss %v: %v frames/s, want %v", c.loss, got, c.want)
		}
	}
	o := &opening{segment: g, rate: 400, least: 300}
	if got := o.nextRate(1); got != 300 {
		t.Errorf("slower than may be: %v frames/s", got)
	}
}
