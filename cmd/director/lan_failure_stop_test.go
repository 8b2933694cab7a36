package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"

	"lvsdr/lab"
)

// TestLANStops: SIGTERM ends the director politely, and after the test nothing
// is left of the LAN either: no process, no namespace.
//
//	client ──┐          ┌── web1  nginx
//	         ├── switch ┤
//	director ┘          └── web2  nginx
func TestLANStops(t *testing.T) {
	var pids []int
	var namespaces []string
	passed := t.Run("politely", func(t *testing.T) {
		c := newCluster(t, clusterConfig{Servers: 2, StaticARP: true})
		pids = append(pids, c.Run.PID(), c.Servers[0].nginx.PID(), c.Servers[1].nginx.PID())
		for _, pid := range pids {
			namespace, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
			if err != nil {
				t.Fatal(err)
			}
			namespaces = append(namespaces, namespace)
		}
		c.ServedBy(20, "/")
		checkTables(t, c.Director, "lvsdr_eth0")
		known := c.Client.Neighbor(c.VIP).String()
		said := c.Client.Link.Capture(lab.Only(claims(c.VIP)))

		began := time.Now()
		c.Stop()
		t.Logf("it ended %v after SIGTERM", time.Since(began).Round(time.Millisecond))
		summary := regexp.MustCompile(`msg=stopped uptime=\S+ connections=20 open=\d+ frames=\d+ forward=\d+ reply=0 ignore=\d+ drop=0 lost=0`)
		if !summary.MatchString(c.Run.Stderr()) {
			t.Errorf("no summary like %v", summary)
		}
		if c.Run.Stdout() != "" {
			t.Errorf("it printed %q", c.Run.Stdout())
		}
		checkTables(t, c.Director)
		if _, err := os.Lstat(c.socket()); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the socket is still there: %v", err)
		}
		if now := c.Client.Neighbor(c.VIP).String(); now != known || said.Count(claims(c.VIP)) != 0 {
			t.Errorf("the VIP was withdrawn: the client knew it at %s, and now at %s", known, now)
		}
		c.Start()
		c.WaitServing()
		c.ServedBy(20, "/")
	})
	if !passed {
		return
	}
	for _, pid := range pids {
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("process %d is still there: %v", pid, err)
		}
	}
	used, err := filepath.Glob("/proc/[0-9]*/task/[0-9]*/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range used {
		// Most of these threads are none of ours, and end when they want.
		if namespace, err := os.Readlink(file); err == nil && slices.Contains(namespaces, namespace) {
			t.Errorf("%s is still in a namespace of the LAN", strings.TrimSuffix(file, "/ns/net"))
		}
	}
}

// checkTables fails the test unless the host has exactly these nftables tables.
func checkTables(t *testing.T, m *machine, want ...string) {
	t.Helper()
	got, err := tables(m.Host)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%s has the nftables tables %q, %v; want %q", m.Name(), got, err, want)
	}
}

func tables(host *lab.Host) (names []string, err error) {
	err = host.Do(func() error {
		c, err := nftables.New()
		if err != nil {
			return err
		}
		all, err := c.ListTables()
		for _, table := range all {
			names = append(names, table.Name)
		}
		return err
	})
	return names, err
}
