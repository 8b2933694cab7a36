package lab

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// Dial connects from the host, like net.Dialer. The address is literal: a name
// would be looked up on another thread, in another namespace. "unix" reaches
// sockets in the host's own /run.
func (h *Host) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return h.DialWith(ctx, &net.Dialer{}, network, address)
}

// DialWith is Dial with a dialer of the caller's, for a local address, a
// timeout or socket options.
func (h *Host) DialWith(ctx context.Context, d *net.Dialer, network, address string) (net.Conn, error) {
	if err := literal(network, address); err != nil {
		return nil, fmt.Errorf("%s: dial %s: %w", h.name, address, err)
	}
	var conn net.Conn
	err := h.ns.do(func() (err error) {
		conn, err = d.DialContext(ctx, network, address)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.name, err)
	}
	return conn, nil
}

// Listen listens on the host, like net.Listen, until the listener or the lab is
// closed. The address is literal.
func (h *Host) Listen(network, address string) (net.Listener, error) {
	if err := literal(network, address); err != nil {
		return nil, fmt.Errorf("%s: listen on %s: %w", h.name, address, err)
	}
	var listener net.Listener
	err := h.ns.do(func() (err error) {
		listener, err = new(net.ListenConfig).Listen(context.Background(), network, address)
		return err
	})
	if err == nil {
		err = h.lab.onClose(listener.Close)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.name, err)
	}
	return listener, nil
}

// ListenPacket is Listen for datagrams, like net.ListenPacket.
func (h *Host) ListenPacket(network, address string) (net.PacketConn, error) {
	if err := literal(network, address); err != nil {
		return nil, fmt.Errorf("%s: listen on %s: %w", h.name, address, err)
	}
	var conn net.PacketConn
	err := h.ns.do(func() (err error) {
		conn, err = new(net.ListenConfig).ListenPacket(context.Background(), network, address)
		return err
	})
	if err == nil {
		err = h.lab.onClose(conn.Close)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.name, err)
	}
	return conn, nil
}

// HTTPClient returns a client whose connections start at the host. It makes a
// new connection for each request, as a load balancer's client does, unless its
// *http.Transport is told otherwise, and gives up after 10 seconds. Host names
// in URLs are not looked up: set the request's Host.
func (h *Host) HTTPClient() *http.Client {
	transport := &http.Transport{DialContext: h.Dial, DisableKeepAlives: true}
	// Where the lab is closed, no connection can be made either.
	_ = h.lab.onClose(func() error { transport.CloseIdleConnections(); return nil })
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

// literal refuses an address that net would look up.
func literal(network, address string) error {
	if strings.HasPrefix(network, "unix") {
		return nil
	}
	host := address
	if !strings.HasPrefix(network, "ip") {
		var err error
		if host, _, err = net.SplitHostPort(address); err != nil {
			return err
		}
	}
	if host == "" {
		return nil
	}
	_, err := netip.ParseAddr(host)
	return err
}
