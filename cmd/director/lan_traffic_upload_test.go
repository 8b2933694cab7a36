package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"lvsdr/lab"
)

// TestLANUpload: 200 MB reach the real server byte by byte, as super-frames
// with checksums still to be filled in, and as frames of 1,500 bytes.
//
//	client ──┐
//	         ├── switch ── web1  a sink on the VIP
//	director ┘
func TestLANUpload(t *testing.T) {
	t.Parallel()
	c := newCluster(t, clusterConfig{Servers: 1, Serve: serveNothing, StaticARP: true})
	listener := c.Servers[0].ListenVIP(80)
	data := newUpload(200_000_000)
	for _, offloads := range []bool{true, false} {
		c.SetOffloads(offloads)
		before := c.Client.Link.Stat("tx_packets")
		took := c.uploadTo(listener, 80, data)
		frames := c.Client.Link.Stat("tx_packets") - before
		t.Logf("offloads %t: %.1f Gbit/s, %d frames sent", offloads, float64(data.size)*8/1e9/took.Seconds(), frames)
		if whole := frames >= uint64(data.size/1500); whole == offloads {
			t.Errorf("offloads %t: %d frames sent", offloads, frames)
		}
	}
	if n := c.Servers[0].SNMP("Tcp.InCsumErrors"); n != 0 {
		t.Errorf("%d frames had a bad checksum at the real server", n)
	}
	c.CheckNothingDropped()
}

// SetOffloads switches the offloads of all hosts.
func (c *cluster) SetOffloads(on bool) {
	c.t.Helper()
	c.Director.Link.SetOffloads(on)
	for _, client := range c.Clients {
		client.Link.SetOffloads(on)
	}
	for _, s := range c.Servers {
		s.Link.SetOffloads(on)
	}
}

// upload is random data, of which no MiB is like another, and its hash.
type upload struct {
	size  int
	block [1 << 20]byte
	sum   [sha256.Size]byte
}

func newUpload(size int) *upload {
	u := &upload{size: size}
	rand.NewChaCha8([32]byte{}).Read(u.block[:]) // never fails
	hash := sha256.New()
	u.writeTo(hash) // never fails
	u.sum = [sha256.Size]byte(hash.Sum(nil))
	return u
}

func (u *upload) writeTo(w io.Writer) error {
	for left := u.size; left > 0; left -= len(u.block) {
		binary.NativeEndian.PutUint64(u.block[:], uint64(left))
		if _, err := w.Write(u.block[:min(left, len(u.block))]); err != nil {
			return err
		}
	}
	return nil
}

// uploadTo sends the data from the client to the listener on that port of the
// VIP, which answers with the hash of what it got, and returns how long that
// took.
func (c *cluster) uploadTo(listener net.Listener, port uint16, data *upload) time.Duration {
	c.t.Helper()
	sunk := make(chan error, 1)
	go func() { sunk <- sink(listener) }()
	began := time.Now()
	sum, err := c.sendUpload(port, data)
	took := time.Since(began)
	if err != nil {
		listener.Close() // the sink may still wait
		c.t.Fatalf("client: %v", err)
	}
	if err := <-sunk; err != nil {
		c.t.Fatalf("server: %v", err)
	}
	if sum != data.sum {
		c.t.Errorf("the real server got other bytes than the client sent")
	}
	return took
}

func (c *cluster) sendUpload(port uint16, data *upload) (sum [sha256.Size]byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := c.Client.Dial(ctx, "tcp4", netip.AddrPortFrom(c.VIP, port).String())
	if err != nil {
		return sum, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return sum, err
	}
	if err := data.writeTo(conn); err != nil {
		return sum, err
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return sum, err
	}
	_, err = io.ReadFull(conn, sum[:])
	return sum, err
}

// sink accepts a connection, reads it to its end, and answers with the hash.
func sink(listener net.Listener) error {
	conn, err := listener.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	hash := sha256.New()
	// struct{}: without the connection's own WriteTo, whose buffer is small.
	if _, err := io.CopyBuffer(hash, struct{ io.Reader }{conn}, make([]byte, 1<<20)); err != nil {
		return err
	}
	_, err = conn.Write(hash.Sum(nil))
	return err
}

// TestLANIperf: a program that nobody wrote for this, up, down, with four
// connections, and with datagrams.
//
//	client ──┐              ┌── web1  iperf3, on the VIP
//	         ├── switch ────┤
//	director ┘              └── web2  iperf3, on the VIP
func TestLANIperf(t *testing.T) {
	t.Parallel()
	program := needProgram(t, "iperf3", "iperf3")
	c := newCluster(t, clusterConfig{
		Servers: 2, Serve: serveNothing, StaticARP: true, Scheduler: "sh", // all of a client to one server
		Services: fmt.Sprintf(iperfServices, vip),
	})
	servers := c.startIperf(program)
	for _, args := range [][]string{
		{"-n", "50M"}, {"-n", "50M", "-P", "4"}, {"-n", "50M", "-R"}, {"-u", "-b", "100M", "-n", "5M", "-l", "1400"},
	} {
		report := c.iperf(program, args)
		t.Logf("%v: %d bytes, %.1f Gbit/s", args, report.SumReceived.Bytes, report.SumReceived.Bits/1e9)
		if full := c.socketsFull(); report.Sum.Lost > full {
			t.Errorf("%d datagrams lost, and only %d of them because a real server's socket was full", report.Sum.Lost, full)
		}
		for _, p := range servers {
			if strings.Contains(p.Output(), "Accepted") { // and is soon ready for another
				c.waitOutput(p, fmt.Sprintf("(test #%d)", 1+strings.Count(p.Output(), "Accepted")))
			}
		}
	}
	c.CheckNothingDropped()
}

// startIperf starts iperf3 on the real servers.
func (c *cluster) startIperf(program string) (servers []*lab.Process) {
	c.t.Helper()
	for _, s := range c.Servers {
		// On any address, its datagrams would come from the server's own.
		p := s.Command(context.Background(), program, "-s", "--forceflush", "-B", c.VIP.String())
		if err := p.Start(); err != nil {
			c.t.Fatal(err)
		}
		c.waitOutput(p, "(test #1)")
		servers = append(servers, p)
	}
	return servers
}

func (c *cluster) waitOutput(p *lab.Process, text string) {
	c.t.Helper()
	if _, err := p.WaitOutput(context.Background(), text); err != nil {
		c.t.Fatal(err)
	}
}

// socketsFull returns how many datagrams found no place in the socket of a real
// server that was too busy to read it.
func (c *cluster) socketsFull() (n int64) {
	for _, s := range c.Servers {
		n += s.SNMP("Udp.RcvbufErrors")
	}
	return n
}

// iperfReport is the end of what iperf3 --json prints.
type iperfReport struct {
	Sum struct {
		Lost int64 `json:"lost_packets"`
	}
	SumReceived struct {
		Bytes int
		Bits  float64 `json:"bits_per_second"`
	} `json:"sum_received"`
}

const iperfServices = `  - name: iperf
    address: %[1]v:5201
    scheduler: sh
    check: {kind: none}
    real_servers: [192.0.2.21, 192.0.2.22]
  - name: iperf-udp
    protocol: udp
    address: %[1]v:5201
    scheduler: sh
    check: {kind: none}
    real_servers: [192.0.2.21, 192.0.2.22]
`

// iperf runs iperf3 on the client.
func (c *cluster) iperf(program string, args []string) *iperfReport {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p := c.Client.Command(ctx, program, append([]string{"-c", c.VIP.String(), "--json"}, args...)...)
	err := p.Run()
	var report struct {
		End   iperfReport
		Error string
	}
	if jsonErr := json.Unmarshal([]byte(p.Stdout()), &report); err != nil || jsonErr != nil || report.Error != "" {
		c.t.Fatalf("iperf3 %v: %v, %v, %s", args, err, jsonErr, report.Error)
	}
	if report.End.SumReceived.Bytes == 0 {
		c.t.Errorf("iperf3 %v: nothing received", args)
	}
	return &report.End
}
