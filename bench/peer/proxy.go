package peer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"lvsdr/bench/processor"
	"lvsdr/lab"
)

// proxyPatience is how long a proxy may take until it accepts connections.
const proxyPatience = 10 * time.Second

// proxy is a program that accepts connections to the VIP, which its host owns, and
// makes others to the servers. What it loses, its clients' TCP sends again.
type proxy struct {
	process   *lab.Process
	directory string
}

// startProxy starts a program with a configuration, and waits until it accepts
// connections. The command is made from the configuration's file and a directory
// that goes with the proxy.
func startProxy(
	ctx context.Context, s *Site, config func(directory string) string, command func(file string) []string,
) (*proxy, error) {
	for i := range s.Services {
		if s.Services[i].Protocol != TCP {
			return nil, skip("it forwards TCP only")
		}
	}
	p := new(proxy)
	var err error
	if p.directory, err = os.MkdirTemp("", "bench-"); err != nil {
		return nil, err
	}
	file := filepath.Join(p.directory, "proxy.conf")
	if err := os.WriteFile(file, []byte(config(p.directory)), 0o600); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	args := command(file)
	// The context of a run does not end it, Stop does.
	p.process = s.Host.Command(context.WithoutCancel(ctx), args[0], args[1:]...)
	if err := errors.Join(p.process.Start(), p.waitAccepting(ctx, s)); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

// waitAccepting returns when each service's port takes a connection.
func (p *proxy) waitAccepting(ctx context.Context, s *Site) error {
	next := 0
	return p.process.WaitReady(ctx, proxyPatience, func(ctx context.Context) bool {
		if next < len(s.Services) {
			if conn, err := s.Host.Dial(ctx, "tcp", s.listener(&s.Services[next])); err == nil {
				conn.Close()
				next++
			}
		}
		return next == len(s.Services)
	})
}

func (p *proxy) Threads() ([]int, error) { return processor.Threads(p.process.PID()) }

func (p *proxy) Drops(context.Context) (Drops, error) { return Drops{}, nil }

func (p *proxy) Stop() error {
	var err error
	if p.process != nil {
		err = p.process.Stop()
	}
	return errors.Join(err, os.RemoveAll(p.directory))
}
