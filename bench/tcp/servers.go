package tcp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"lvsdr/bench"
	"lvsdr/bench/lan"
	"lvsdr/bench/peer"
	"lvsdr/lab"
)

// Ports of each VIP.
const (
	webPort    = 80
	uploadPort = 5001 // counts what arrives, and answers with the number
	iperfPort  = 5201 // on the first server alone: a test has two connections
)

// servers are what runs on the real servers.
type servers struct {
	web       string // what answers requests
	directory string // of nginx
	https     []*http.Server
	listeners []net.Listener
	uploads   connections
	running   sync.WaitGroup
}

// startServers starts them on all hosts. nginx has as many workers as there are
// processors for it.
func startServers(ctx context.Context, l *lan.LAN, builtIn bool) (*servers, error) {
	s := &servers{web: "built-in"}
	for _, m := range l.Servers {
		if err := s.countUploads(m.Host); err != nil {
			return s, err
		}
	}
	path, err := peer.FindProgram("nginx", "nginx-light")
	if builtIn || errors.Is(err, bench.ErrSkip) {
		return s, s.startWeb(l)
	}
	s.web = "nginx"
	set := l.Split.Loads()
	return s, s.startNginx(ctx, l, path, max(1, set.Count()))
}

// page is what web servers answer.
const page = "real server\n"

func (s *servers) startWeb(l *lan.LAN) error {
	for _, m := range l.Servers {
		listener, err := m.Listen("tcp4", fmt.Sprintf("0.0.0.0:%d", webPort))
		if err != nil {
			return err
		}
		server := &http.Server{
			Handler:  http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, page) }),
			ErrorLog: log.New(io.Discard, "", 0),
		}
		s.https = append(s.https, server)
		s.running.Go(func() { server.Serve(listener) }) // ends with ErrServerClosed
	}
	return nil
}

func (s *servers) startNginx(ctx context.Context, l *lan.LAN, path string, workers int) (err error) {
	if s.directory, err = os.MkdirTemp("", "bench-"); err != nil {
		return err
	}
	for _, m := range l.Servers {
		directory := filepath.Join(s.directory, m.Name())
		file := filepath.Join(directory, "nginx.conf")
		err := errors.Join(os.Mkdir(directory, 0o700), os.WriteFile(file, []byte(nginxConfig(directory, workers)), 0o600))
		if err != nil {
			return err
		}
		// The LAN ends it, not the run's context.
		p := m.Command(context.WithoutCancel(ctx), path, "-e", "stderr", "-c", file)
		if err := errors.Join(p.Start(), listens(ctx, m.Host, p)); err != nil {
			return fmt.Errorf("nginx: %w", err)
		}
	}
	return nil
}

// nginxConfig has the page, and no limit to the requests of a connection.
func nginxConfig(directory string, workers int) string {
	return fmt.Sprintf(`daemon off;
user root;
error_log stderr;
pid %[1]s/pid;
worker_processes %[2]d;
worker_rlimit_nofile 10000;
events { worker_connections 9000; }
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	keepalive_requests 1000000000;
	server {
		listen %[3]d backlog=65535 reuseport;
		location / { return 200 %[4]q; }
	}
}
`, directory, workers, webPort, page)
}

// nginxPatience is how long nginx may take to listen.
const nginxPatience = 10 * time.Second

// listens returns when the host's web server accepts connections.
func listens(ctx context.Context, h *lab.Host, p *lab.Process) error {
	return p.WaitReady(ctx, nginxPatience, func(ctx context.Context) bool {
		conn, err := h.Dial(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", webPort))
		return err == nil && conn.Close() == nil
	})
}

// countUploads reads chunks on each connection up to the last one, and answers with
// their length in 8 bytes, the highest first.
func (s *servers) countUploads(h *lab.Host) error {
	listener, err := h.Listen("tcp4", fmt.Sprintf("0.0.0.0:%d", uploadPort))
	if err != nil {
		return err
	}
	s.acceptUploads(listener)
	return nil
}

// acceptUploads does so until stop.
func (s *servers) acceptUploads(listener net.Listener) {
	s.listeners = append(s.listeners, listener)
	s.running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.running.Go(func() { s.uploads.serve(conn, countUpload) })
		}
	})
}

// uploadPatience is how long a chunk of an upload may take.
const uploadPatience = 5 * time.Second

func countUpload(conn net.Conn) {
	buffer, count := make([]byte, chunk), uint64(0)
	for buffer[0] == markMore {
		if conn.SetDeadline(time.Now().Add(uploadPatience)) != nil {
			return
		}
		n, err := io.ReadFull(conn, buffer)
		if err != nil {
			return // the client hears no number
		}
		count += uint64(n)
	}
	conn.Write(binary.BigEndian.AppendUint64(nil, count)) // a client that has gone misses nothing
}

// stop ends what runs in this process, and removes files. The LAN, which is closed
// before, has ended the programs.
func (s *servers) stop() error {
	var err error
	for _, server := range s.https {
		err = errors.Join(err, server.Close())
	}
	for _, listener := range s.listeners {
		listener.Close()
	}
	s.uploads.close()
	s.running.Wait()
	if s.directory != "" {
		err = errors.Join(err, os.RemoveAll(s.directory))
	}
	return err
}
