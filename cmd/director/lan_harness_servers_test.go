package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"lvsdr/lab"
)

// serveKind is what the real servers of a cluster serve on port 80: a page that
// is the server's name.
type serveKind int

const (
	serveNginx   serveKind = iota // with nginx, one on each server
	serveGo                       // in this process
	serveNothing                  // the test does it
)

// realServer is a real server, set up with `director realserver apply`.
type realServer struct {
	*machine
	cluster *cluster
	dir     string
	nginx   *lab.Process
	http    *http.Server
}

func (c *cluster) addServer(m *machine) {
	c.t.Helper()
	s := &realServer{machine: m, cluster: c, dir: filepath.Join(c.Dir, m.Name())}
	c.Servers = append(c.Servers, s)
	if err := os.Mkdir(s.dir, 0o755); err != nil {
		c.t.Fatal(err)
	}
	s.Apply()
	s.Serve()
}

// Apply makes the host a real server of the VIP.
func (s *realServer) Apply() { s.realserver("apply") }

// Undo makes it what it was before.
func (s *realServer) Undo() { s.realserver("undo") }

func (s *realServer) realserver(verb string) {
	s.cluster.t.Helper()
	args := []string{"realserver", verb, "--vip", s.cluster.VIP.String(), "--state-dir", filepath.Join(s.dir, "state")}
	for _, more := range s.cluster.cfg.VIPs {
		args = append(args, "--vip", more)
	}
	p := directorCommand(context.Background(), s.Host, args...)
	if err := p.Run(); err != nil {
		s.cluster.t.Fatal(err)
	}
}

// Serve starts the web server and waits until it answers.
func (s *realServer) Serve() {
	s.cluster.t.Helper()
	var err error
	switch s.cluster.cfg.Serve {
	case serveNginx:
		err = s.startNginx()
	case serveGo:
		err = s.startGo()
	}
	if err != nil {
		s.cluster.t.Fatal(err)
	}
}

// Kill ends the web server without a word: what it had open is reset.
func (s *realServer) Kill() {
	s.cluster.t.Helper()
	var err error
	switch {
	case s.nginx != nil:
		err = s.nginx.Kill()
	case s.http != nil:
		err = s.http.Close()
	}
	if err != nil {
		s.cluster.t.Fatal(err)
	}
}

// nginxConfig has all of nginx's files in the server's directory. A single
// process, in the foreground, is what the lab can end.
const nginxConfig = `
daemon off;
master_process off;
pid %[1]s/nginx.pid;
error_log stderr warn;
events { worker_connections 4096; }
http {
	access_log %[1]s/access.log;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	server {
		listen 0.0.0.0:80 backlog=4096;
		location / { default_type text/plain; return 200 "%[2]s\n"; }
	}
}
`

func (s *realServer) startNginx() error {
	file := filepath.Join(s.dir, "nginx.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, nginxConfig, s.dir, s.Name()), 0o600); err != nil {
		return err
	}
	program := needProgram(s.cluster.t, "nginx", "nginx-light")
	s.nginx = s.Command(context.Background(), program, "-p", s.dir, "-c", file, "-e", "stderr")
	if err := s.nginx.Start(); err != nil {
		return err
	}
	return s.waitListening()
}

// waitListening waits until something listens on port 80. Nothing tells of
// that, so it is tried.
func (s *realServer) waitListening() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		conn, err := s.Dial(ctx, "tcp4", "127.0.0.1:80")
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: nothing listens on port 80: %w", s.Name(), err)
		case <-s.nginx.Done():
			return fmt.Errorf("nginx ended: %w", s.nginx.Wait())
		default:
		}
	}
}

func (s *realServer) startGo() (err error) {
	s.http, err = s.serveName(80)
	return err
}

// ServeOn serves the server's name on one more port, until the test ends.
func (s *realServer) ServeOn(port int) {
	s.cluster.t.Helper()
	if _, err := s.serveName(port); err != nil {
		s.cluster.t.Fatal(err)
	}
}

func (s *realServer) serveName(port int) (*http.Server, error) {
	listener, err := s.Listen("tcp4", fmt.Sprintf("0.0.0.0:%d", port))
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, s.Name()+"\n") // a client that has gone misses nothing
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	s.cluster.t.Cleanup(func() {
		if err := errors.Join(server.Close(), <-ended); !errors.Is(err, http.ErrServerClosed) {
			s.cluster.t.Error(err)
		}
	})
	return server, nil
}

// ListenVIP listens on a port of the VIP at the server; the listener is closed
// when the test ends.
func (s *realServer) ListenVIP(port int) net.Listener {
	s.cluster.t.Helper()
	l, err := s.Listen("tcp4", net.JoinHostPort(s.cluster.VIP.String(), fmt.Sprint(port)))
	if err != nil {
		s.cluster.t.Fatal(err)
	}
	return l
}

// Requests returns how many requests for the path nginx has logged, which it
// does after it has answered. Health checks ask for "/".
func (s *realServer) Requests(path string) int {
	s.cluster.t.Helper()
	log, err := os.ReadFile(filepath.Join(s.dir, "access.log"))
	if err != nil {
		s.cluster.t.Fatal(err)
	}
	return bytes.Count(log, []byte("\"GET "+path+" "))
}

// WaitRequests waits until nginx has logged n requests for the path, and
// returns how many it logged at last.
func (s *realServer) WaitRequests(path string, n int) int {
	s.cluster.t.Helper()
	logged, _ := poll(10*time.Millisecond, patience, func() int { return s.Requests(path) }, func(logged int) bool { return logged >= n })
	return logged
}
