package config

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkParse reads the largest file one would write: 10,000 services of
// ten real servers. A reload of it must not take long enough to matter.
func BenchmarkParse(b *testing.B) {
	var text strings.Builder
	text.WriteString("ingress: eth0\nservices:\n")
	for i := range 10_000 {
		fmt.Fprintf(&text, "  - name: service-%d\n    address: 192.0.2.%d:%d\n    scheduler: mh\n    real_servers:\n", i, i%250+1, 1000+i/250)
		for j := range 10 {
			fmt.Fprintf(&text, "      - {address: 198.51.%d.%d, weight: %d}\n", 100+j, i%250+1, j+1)
		}
	}
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if _, err := Parse("bench.yaml", []byte(text.String())); err != nil {
			b.Fatal(err)
		}
	}
}
