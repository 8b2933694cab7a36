package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"lvsdr/admin/api"
	"lvsdr/bench/sink"
	"lvsdr/lab"
)

// directorPatience is how long a director may take until it serves.
const directorPatience = 20 * time.Second

// directorPeer is `director run` on the segment's host, as an operator would run
// it: the figures are those of the program, not of a part of it.
type directorPeer struct {
	process   *lab.Process
	client    *api.Client
	directory string
}

func startDirector(ctx context.Context, g *segment) (forwarding, error) {
	program := g.site.options.Program
	if program == "" {
		return nil, skip("no program to run was given")
	}
	d := new(directorPeer)
	var err error
	if d.directory, err = os.MkdirTemp("", "bench-"); err != nil {
		return nil, err
	}
	if err := d.run(ctx, g, program); err != nil {
		return nil, errors.Join(err, d.stop())
	}
	return d, nil
}

func (d *directorPeer) run(ctx context.Context, g *segment, program string) error {
	socket := filepath.Join(d.directory, "director.sock")
	file := filepath.Join(d.directory, "director.yaml")
	if err := os.WriteFile(file, []byte(directorConfig(g, socket)), 0o600); err != nil {
		return err
	}
	d.client = api.NewClient(socket)
	// The context of a run does not end it, stop does: politely, and waited for.
	d.process = g.host.Command(context.WithoutCancel(ctx), program, "run", "--config", file)
	if err := d.process.Start(); err != nil {
		return err
	}
	return d.waitServing(ctx)
}

// directorConfig has nothing that a fast director needs: its defaults are what is
// measured. Servers' addresses are given, and nobody checks servers that only
// count.
func directorConfig(g *segment, socket string) string {
	o, t := &g.site.options, g.traffic()
	var servers []string
	for i := range o.Servers {
		mac := sink.MAC(i)
		servers = append(servers, fmt.Sprintf("{address: %v, mac: %q}", realAddr(i), net.HardwareAddr(mac[:])))
	}
	return fmt.Sprintf(`ingress: %s
egress: %s
state_dir: ""
connections: %d
quotas: {half_open: 100, udp: 100}
admin: {socket: %q}
services:
  - address: %v:%d
    protocol: %s
    scheduler: rr
    check: {kind: none}
    assume: up
    real_servers: [%s]
`, g.near, g.far, max(1<<16, 2*(o.Flows+t.Fresh())), socket, vip, servicePort, o.Protocol, strings.Join(servers, ", "))
}

// waitServing returns when the VIP is the director's and all servers are usable.
func (d *directorPeer) waitServing(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, directorPatience)
	defer cancel()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; it printed: %s", context.Cause(ctx), d.process.Output())
		case <-d.process.Done():
			return fmt.Errorf("it ended: %w: %s", d.process.Wait(), d.process.Output())
		case <-look.C:
		}
		if status, err := d.client.Status(ctx); err == nil && serving(status) {
			return nil
		}
	}
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

func (d *directorPeer) threads() ([]int, error) { return threadsOf(d.process.PID()) }

// drops are all frames that were not forwarded, by verdict.
func (d *directorPeer) drops(ctx context.Context) (Drops, error) {
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

func (d *directorPeer) stop() error {
	var err error
	if d.process != nil {
		err = d.process.Stop()
	}
	return errors.Join(err, os.RemoveAll(d.directory))
}
