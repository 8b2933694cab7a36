package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/net/netutil"
)

// Limits of the server that health checks ask. A request is one line, and its
// answer is there already.
const (
	healthTimeout     = 5 * time.Second // to ask, and again to take the answer
	healthClose       = time.Second
	healthMaxHeader   = 8 << 10
	healthConnections = 512 // at once
	// Of one client at once. A director may ask for many VIPs in the same moment;
	// one that only holds connections leaves most of them to others.
	healthPerClient = 32
)

// healthServer serves one handler over HTTP.
type healthServer struct {
	log      *slog.Logger
	listener net.Listener
	http     http.Server
	serving  sync.WaitGroup
}

// listenHealth opens the port; requests wait until start.
func listenHealth(address string, h http.Handler, log *slog.Logger) (*healthServer, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("--listen %s: %w", address, err)
	}
	s := &healthServer{log: log, listener: newPerClientListener(netutil.LimitListener(l, healthConnections), healthPerClient)}
	s.http = http.Server{
		Handler:           h,
		ReadHeaderTimeout: healthTimeout,
		ReadTimeout:       healthTimeout,
		WriteTimeout:      healthTimeout,
		MaxHeaderBytes:    healthMaxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	// Clients that stay would use up the connections.
	s.http.SetKeepAlivesEnabled(false)
	return s, nil
}

func (s *healthServer) start() {
	s.log.Info("listening for health checks", "address", s.listener.Addr())
	s.serving.Go(func() {
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("health checks get no answer any more", "err", err)
		}
	})
}

// close ends it; requests that are being answered have a second.
func (s *healthServer) close() {
	ctx, cancel := context.WithTimeout(context.Background(), healthClose)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		s.http.Close()
	}
	s.serving.Wait()
}
