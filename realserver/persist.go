package realserver

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ErrNoSystemd is returned by Apply with Persist on a host that something else boots.
var ErrNoSystemd = errors.New("systemd does not boot this host")

// persistSteps lists what is to be written so that the next boot does what the other
// steps do now.
func (r *runner) persistSteps(steps []Step, s *state) ([]Step, error) {
	line := r.options.bootLine()
	program, err := r.program()
	if err == nil {
		err = absolute("state directory", line.StateDir)
	}
	if err != nil {
		return nil, err
	}
	if !bySystemd(r.host.FS()) {
		return nil, noSystemd(program, line)
	}
	now, err := readPersisted(r.host)
	if err != nil {
		return nil, err
	}
	if err := now.foreign(); err != nil {
		return nil, err
	}
	sysctls, err := r.bootSysctls(steps, s)
	if err != nil {
		return nil, err
	}
	var files []Step
	for _, c := range now.changes(now.with(program, r.bootLines(line, now, s), sysctls)) {
		files = append(files, Step{Change: c, VIPs: r.options.VIPs})
	}
	return files, nil
}

// bootLines makes a line for each VIP. With method redirect one keeps the services that it
// had, unless what is not listed is to go.
func (r *runner) bootLines(line bootLine, now *persisted, s *state) []bootLine {
	lines := make([]bootLine, len(line.VIPs))
	for i, vip := range line.VIPs {
		lines[i] = line
		lines[i].VIPs = []netip.Addr{vip}
		if line.Method != MethodRedirect {
			continue
		}
		services := union(r.options.services(vip))
		if old, ok := now.line(vip); ok && !r.options.Prune {
			services = slices.Concat(services, union(old.Services))
		}
		if !r.options.Prune {
			services = append(services, redirectMethod{}.applied(vip, s)...)
		}
		lines[i].Services = union(services)
	}
	return lines
}

// program is what the next boot is to run.
func (r *runner) program() (string, error) {
	name := r.options.Program
	if name == "" {
		var err error
		if name, err = os.Executable(); err != nil {
			return "", fmt.Errorf("where this program is: %w", err)
		}
		for _, dir := range []string{"/tmp/", "/run/", "/dev/shm/"} {
			if strings.HasPrefix(name, dir) || strings.HasSuffix(name, " (deleted)") {
				return "", fmt.Errorf("%s: the next boot cannot run it from there: install it (make install), and run that one", name)
			}
		}
	}
	return name, absolute("program", name)
}

// absolute refuses what has no place in a unit: a boot has another working directory,
// and a line end would begin a line of its own.
func absolute(what, name string) error {
	if !filepath.IsAbs(name) || strings.ContainsAny(name, "\n\r") {
		return fmt.Errorf("%s %q: an absolute path is needed, in one line", what, name)
	}
	return nil
}

// noSystemd says how to have the same from another program that boots.
func noSystemd(program string, l bootLine) error {
	words := append([]string{program, "realserver", "apply"}, append(l.flags(), vipFlags(l.VIPs)...)...)
	return fmt.Errorf("%w: have its own boot call, before the LAN's interface gets an address: %s "+
		"(ifupdown: as a line pre-up below that interface in /etc/network/interfaces; "+
		"OpenRC: in start of a service with \"before net\", added to the runlevel boot)", ErrNoSystemd, strings.Join(words, " "))
}

// RunsSystemd says whether systemd is the host's service manager now: what was written for
// it is read at the next boot, or after systemctl daemon-reload.
func RunsSystemd(h Host) bool {
	_, err := fs.Stat(h.FS(), "run/systemd/system")
	return err == nil
}

// load reads the record. What the files set at this boot is in it as if it
// had been done here.
func (r *runner) load() (record, *persisted, error) {
	rec, err := r.store.load()
	if err != nil {
		return rec, nil, err
	}
	p, err := readPersisted(r.host)
	if err != nil {
		return rec, nil, err
	}
	p.adopt(&rec, r.host)
	return rec, p, nil
}

// loadApplied is load for who judges: without VIPs in the options, those that were
// applied are meant.
func (r *runner) loadApplied() (record, *persisted, error) {
	rec, boot, err := r.load()
	if err == nil && len(r.options.VIPs) == 0 {
		r.options.VIPs = appliedVIPs(rec, boot)
	}
	return rec, boot, err
}

// appliedVIPs lists the VIPs that were applied, now or for the next boot.
func appliedVIPs(rec record, boot *persisted) []netip.Addr {
	return sortedAddrs(append(rec.vips(), boot.vips()...))
}

// otherPlace refuses VIPs whose record a boot keeps elsewhere.
func (r *runner) otherPlace(p *persisted, vips []netip.Addr) error {
	var errs []error
	for _, vip := range vips {
		if l, ok := p.line(vip); ok && l.StateDir != r.options.StateDir {
			errs = append(errs, fmt.Errorf("%v: the boot keeps its record in another directory: --state-dir %s", vip, l.StateDir))
		}
	}
	return errors.Join(errs...)
}

// appliedBy returns the method of a VIP, that of the record or else that of the next boot.
func appliedBy(rec record, p *persisted, vip netip.Addr) string {
	l, _ := p.line(vip)
	return cmp.Or(rec.method(vip), l.Method)
}
