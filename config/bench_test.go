package config

import (
	"fmt"
	"strings"
	"testing"
)

// large is the largest file one would write: 10,000 services of ten real
// servers. A reload of it must not take long enough to matter.
func large() []byte {
	var text strings.Builder
	text.WriteString("ingress: eth0\nservices:\n")
	for i := range 10_000 {
		fmt.Fprintf(&text, "  - name: service-%d\n    address: 192.0.2.%d:%d\n    scheduler: mh\n    real_servers:\n", i, i%250+1, 1000+i/250)
		for j := range 10 {
			fmt.Fprintf(&text, "      - {address: 198.51.%d.%d, weight: %d}\n", 100+j, i%250+1, j+1)
		}
	}
	return []byte(text.String())
}

func BenchmarkParse(b *testing.B) {
	text := large()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Parse("bench.yaml", text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMerge(b *testing.B) {
	file, err := Parse("bench.yaml", large())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		Merge(file, file, file)
	}
}

// BenchmarkEditor makes all of the largest file by changes, as ipvsadm -R does:
// 110,000 of them.
func BenchmarkEditor(b *testing.B) {
	file, err := Parse("bench.yaml", large())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		e := NewEditor(file, file)
		e.Clear()
		for i := range file.Services {
			s := &file.Services[i]
			id := ServiceID{Protocol: s.Protocol, Address: s.Addresses[0].String()}
			if err := e.AddService(id, ServiceSettings{Scheduler: s.Scheduler}); err != nil {
				b.Fatal(err)
			}
			for _, r := range s.RealServers {
				if err := e.AddServer(id, ServerSettings{Address: r.Addr.String(), Weight: r.Weight}); err != nil {
					b.Fatal(err)
				}
			}
		}
		e.Config()
	}
}
