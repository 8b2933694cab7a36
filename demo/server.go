package demo

import (
	"errors"
	"io"
	"log"
	"net/http"
	"sync"
)

// server is a real server: a host with a web server whose pages are the host's
// name.
type server struct {
	*machine
	http *http.Server
	done sync.WaitGroup
}

// listen starts the web server, on every address of the host: the VIP for
// clients, the host's own for health checks.
func (s *server) listen() error {
	listener, err := s.Listen("tcp4", "0.0.0.0:80")
	if err != nil {
		return err
	}
	s.http = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, s.Name()+"\n") // a client that has gone misses nothing
		}),
		ErrorLog: log.New(io.Discard, "", 0),
	}
	s.done.Go(func() { s.http.Serve(listener) }) // ends with ErrServerClosed
	return nil
}

// die closes the web server's sockets. The host itself lives on.
func (s *server) die() error {
	if s.http == nil {
		return nil
	}
	err := s.http.Close()
	s.done.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
