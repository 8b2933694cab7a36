package admin

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/net/netutil"

	"lvsdr/admin/api"
)

const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	idleTimeout   = time.Minute
	// closeTimeout is how long requests may go on after the end.
	closeTimeout = 2 * time.Second

	maxHeader      = 16 << 10
	maxConnections = 64 // at once, of each listener
)

// Source is the running director. Its methods are called from any goroutine.
type Source interface {
	Status(ctx context.Context) (*api.Status, error)
	Reload(ctx context.Context) (api.Reload, error)
	// Change makes changes up to the first that is refused: an *api.Error.
	Change(ctx context.Context, changes api.Changes) (api.Changed, error)
	// Order carries out an order about a real server, or refuses it: an *api.Error.
	Order(ctx context.Context, o api.OrderRequest) (api.Ordered, error)
	// Connections yields what the filter takes until yield returns false. A
	// filter that cannot be understood is an *api.Error, before any yield.
	Connections(ctx context.Context, filter api.ConnectionFilter, yield func(api.Connection) bool) error
	// Events yields the events that the filter takes, in their order, some at a time,
	// until yield returns false, ctx ends, or there are no more; who follows them also
	// gets none at all now and then, as a sign of life. Yield may take its time.
	Events(ctx context.Context, filter api.EventFilter, yield func([]api.Event) bool) error
	// Why explains what would become of a packet.
	Why(ctx context.Context, protocol, client, vip string) (*api.Why, error)
}

// Options of [Listen].
type Options struct {
	// Socket is the path of the unix socket. Its directory is made if there is
	// none.
	Socket string
	// Listen is the host:port where metrics and the status are served; "": nowhere.
	Listen string
	// Source is asked for everything.
	Source Source
	// Log takes what an operator should know; nil: slog.Default.
	Log *slog.Logger
}

// Server answers requests. Its methods may be called from any goroutine.
type Server struct {
	log       *slog.Logger
	api       *http.Server
	public    *http.Server   // over TCP
	listeners sync.WaitGroup // that accept

	mu     sync.Mutex
	socket *socket
	tcp    net.Listener // nil: none
	listen string       // as it was asked for
	closed bool
}

// Serve is [Listen] and [Server.Serve] in one.
func Serve(ctx context.Context, o Options) error {
	s, err := Listen(o)
	if err != nil {
		return err
	}
	return s.Serve(ctx)
}

// Listen opens the socket and the TCP address. The stale socket of a process
// that died is replaced, one that somebody listens on is an error. Requests
// wait until [Server.Serve].
func Listen(o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	s := &Server{log: o.Log}
	s.api = s.newHTTP(newAPI(o.Source))
	s.public = s.newHTTP(newPublic(o.Source, o.Log))
	var err error
	if s.socket, err = listenSocket(o.Socket); err != nil {
		return nil, err
	}
	if s.tcp, err = listenTCP(o.Listen); err != nil {
		s.socket.Close()
		return nil, err
	}
	s.listen = o.Listen
	return s, nil
}

func (s *Server) newHTTP(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ConnContext:       withPeer,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

// Serve answers requests until ctx ends, then removes the socket. Requests
// that are being answered then have 2 seconds. Call it once.
func (s *Server) Serve(ctx context.Context) error {
	s.mu.Lock()
	s.accept(s.api, s.socket)
	if s.tcp != nil {
		s.accept(s.public, s.tcp)
	}
	s.mu.Unlock()
	<-ctx.Done()
	return s.Close()
}

// Rebind moves to another socket or TCP address, for a reload; what stays the
// same stays open. On error nothing changes.
func (s *Server) Rebind(path, listen string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return http.ErrServerClosed
	}
	var (
		unix *socket
		tcp  net.Listener
		err  error
	)
	if path != s.socket.path {
		if unix, err = listenSocket(path); err != nil {
			return err
		}
	}
	if listen != s.listen {
		if tcp, err = listenTCP(listen); err != nil {
			if unix != nil {
				unix.Close()
			}
			return err
		}
	}
	if unix != nil {
		s.socket.Close()
		s.socket = unix
		s.accept(s.api, unix)
	}
	if listen != s.listen {
		s.move(tcp, listen)
	}
	return nil
}

// move replaces the TCP listener; nil: there is none any more.
func (s *Server) move(tcp net.Listener, listen string) {
	if s.tcp != nil {
		s.tcp.Close()
	}
	s.tcp, s.listen = tcp, listen
	if tcp != nil {
		s.accept(s.public, tcp)
	}
}

// accept serves what comes in on a listener until that is closed.
func (s *Server) accept(server *http.Server, l net.Listener) {
	s.listeners.Go(func() {
		err := server.Serve(netutil.LimitListener(l, maxConnections))
		if err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			s.log.Error("the admin API stopped answering", "address", l.Addr(), "err", err)
		}
	})
}

// Close ends all and removes the socket. It is for a Server that was never
// served; Serve does it by itself.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	s.mu.Lock()
	s.closed = true
	err := s.socket.Close()
	if s.tcp != nil {
		s.tcp.Close()
	}
	s.mu.Unlock()
	for _, server := range []*http.Server{s.api, s.public} {
		if server.Shutdown(ctx) != nil {
			server.Close()
		}
	}
	s.listeners.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Addr returns the TCP address where metrics and the status are served, or nil.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tcp == nil {
		return nil
	}
	return s.tcp.Addr()
}
