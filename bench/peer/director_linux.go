package peer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"lvsdr/admin/api"
	"lvsdr/bench/processor"
	"lvsdr/lab"
)

// directorPatience is how long a director may take until it serves.
const directorPatience = 20 * time.Second

// DirectorConfig says how the director runs.
type DirectorConfig struct {
	Program string // the executable; without one the peer is left out
	// Extra are further lines of director.yaml: what differs from its defaults.
	Extra string
}

// director is `director run` on the host, as an operator would run it: the figures
// are those of the program, not of a part of it.
type director struct {
	process   *lab.Process
	client    *api.Client
	directory string
}

// Director starts it. It serves when Director returns.
func Director(ctx context.Context, s *Site, c DirectorConfig) (Running, error) {
	if c.Program == "" {
		return nil, skip("no program to run was given")
	}
	d := new(director)
	var err error
	if d.directory, err = os.MkdirTemp("", "bench-"); err != nil {
		return nil, err
	}
	if err := d.run(ctx, s, c); err != nil {
		return nil, errors.Join(err, d.Stop())
	}
	return d, nil
}

func (d *director) run(ctx context.Context, s *Site, c DirectorConfig) error {
	socket := filepath.Join(d.directory, "director.sock")
	file := filepath.Join(d.directory, "director.yaml")
	if err := os.WriteFile(file, []byte(s.directorYAML(socket, c.Extra)), 0o600); err != nil {
		return err
	}
	d.client = api.NewClient(socket)
	// The context of a run does not end it, Stop does: politely, and waited for.
	d.process = s.Host.Command(context.WithoutCancel(ctx), c.Program, "run", "--config", file)
	// As many as where nobody keeps it off some processors.
	d.process.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", runtime.NumCPU()))
	if err := d.process.Start(); err != nil {
		return err
	}
	return d.waitServing(ctx, s)
}

// directorYAML has nothing that a fast director needs: its defaults are what is
// measured. Nobody checks servers that may only count.
func (s *Site) directorYAML(socket, extra string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `ingress: %s
egress: %s
state_dir: ""
admin: {socket: %q}
%s
services:
`, s.Near, s.Far, socket, extra)
	for i := range s.Services {
		service := &s.Services[i]
		fmt.Fprintf(&b, `  - address: %q
    protocol: %s
    scheduler: rr
    check: {kind: none}
    assume: up
    real_servers: [%s]
`, s.listener(service), service.Protocol, service.yaml())
	}
	return b.String()
}

// yaml lists the servers; those without a MAC address are resolved.
func (s *Service) yaml() string {
	var servers []string
	for _, server := range s.Servers {
		text := fmt.Sprintf("{address: %q", server.Addr)
		if server.MAC != nil {
			text += fmt.Sprintf(", mac: %q", server.MAC)
		}
		servers = append(servers, text+"}")
	}
	return strings.Join(servers, ", ")
}

// waitServing returns when the VIP is the director's and all servers are usable.
func (d *director) waitServing(ctx context.Context, s *Site) error {
	err := d.process.WaitReady(ctx, directorPatience, func(ctx context.Context) bool {
		status, err := d.client.Status(ctx)
		return err == nil && serving(status)
	})
	if said := d.process.Output(); err != nil && s.VIP.Is6() && strings.Contains(said, "IPv6 services") {
		return skip("it takes no IPv6 services yet: %s", strings.TrimSpace(strings.ReplaceAll(said, d.directory+"/", "")))
	}
	return err
}

func serving(s *api.Status) bool {
	for _, v := range s.VIPs {
		if v.State != "owned" && v.State != "announcing" {
			return false
		}
	}
	for _, service := range s.Services {
		for _, rs := range service.Servers {
			if rs.Weight == 0 || rs.MAC == "" {
				return false
			}
		}
	}
	return len(s.VIPs) > 0 && len(s.Services) > 0
}

func (d *director) Threads() ([]int, error) { return processor.Threads(d.process.PID()) }

// Drops are all frames that were not forwarded, by verdict.
func (d *director) Drops(ctx context.Context) (Drops, error) {
	status, err := d.client.Status(ctx)
	if err != nil {
		return Drops{}, err
	}
	drops := Drops{Ring: status.Frames.Lost, Reasons: make(map[string]uint64)}
	for _, v := range status.Frames.Verdicts {
		if v.Kind != "forward" && v.Kind != "extra" {
			drops.Reasons[v.Kind+" "+v.Reason] = v.Frames
		}
	}
	return drops, nil
}

// Sleep stops the process, and returns when all of its threads have. Wake has it
// go on.
func (d *director) Sleep() error {
	if err := d.process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for {
		err := unix.Waitid(unix.P_PID, d.process.PID(), nil, unix.WSTOPPED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func (d *director) Wake() error { return d.process.Signal(syscall.SIGCONT) }

func (d *director) Stop() error {
	var err error
	if d.process != nil {
		err = d.process.Stop()
	}
	return errors.Join(err, os.RemoveAll(d.directory))
}
