package peer

import (
	"context"
	"fmt"
	"strings"
)

// HAProxy starts HAProxy in TCP mode, with one thread: it has one processor. It
// makes a connection of its own to a server for each that it accepts.
func HAProxy(ctx context.Context, s *Site) (Running, error) {
	path, err := FindProgram("haproxy", "haproxy")
	if err != nil {
		return nil, err
	}
	running, err := startProxy(ctx, s, s.haproxyConfig, func(file string) []string { return []string{path, "-db", "-f", file} })
	if err != nil {
		return nil, err
	}
	return running, nil
}

func (s *Site) haproxyConfig(string) string {
	var b strings.Builder
	b.WriteString(`global
	nbthread 1
	maxconn 4000
defaults
	mode tcp
	timeout connect 5s
	timeout client 1m
	timeout server 1m
`)
	for i := range s.Services {
		service := &s.Services[i]
		fmt.Fprintf(&b, "listen port%d\n\tbind %s\n\tbalance roundrobin\n", service.Port, s.listener(service))
		for n, server := range service.Servers {
			fmt.Fprintf(&b, "\tserver server%d %v:%d\n", n, server.Addr, service.Port)
		}
	}
	return b.String()
}
