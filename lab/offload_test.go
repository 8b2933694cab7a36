package lab_test

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"lvsdr/lab"
)

// upload sends data over TCP and compares what arrives.
func upload(t *testing.T, p *pair, data []byte) {
	t.Helper()
	listener, err := p.server.Listen("tcp", "192.0.2.2:9")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	got := make(chan []byte, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			got <- nil
			return
		}
		defer conn.Close()
		all, _ := io.ReadAll(conn) // what is missing shows below
		got <- all
	}()
	conn, err := p.client.Dial(t.Context(), "tcp", "192.0.2.2:9")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(<-got, data) {
		t.Error("what arrived is not what was sent")
	}
}

func TestLANOffloads(t *testing.T) {
	data := make([]byte, 1<<20)
	_, _ = rand.Read(data)
	for _, on := range []bool{true, false} {
		t.Run(map[bool]string{true: "on", false: "off"}[on], func(t *testing.T) {
			p := newPair(t)
			for _, link := range []*lab.Link{p.clientLink, p.serverLink} {
				link.SetOffloads(on)
				for _, o := range []lab.Offload{lab.TxChecksum, lab.ScatterGather, lab.TSO, lab.GSO, lab.GRO} {
					if link.Offload(o) != on {
						t.Errorf("%v: %v is %v", link, o, !on)
					}
				}
			}
			wire := p.serverLink.Capture()
			upload(t, p, data)
			if err := wire.Close(); err != nil {
				t.Fatal(err)
			}
			if lost := wire.Lost(); lost != 0 {
				t.Fatalf("the capture lost %d frames", lost)
			}
			isTCP := func(f lab.Frame) bool { return f.EtherType() == 0x0800 && f.Data[23] == 6 && !f.Outgoing }
			large := wire.Count(func(f lab.Frame) bool { return isTCP(f) && f.Length > 1514 })
			partial := wire.Count(func(f lab.Frame) bool { return isTCP(f) && f.Partial })
			bad := wire.Count(func(f lab.Frame) bool { return isTCP(f) && !checksumsRight(t, f) })
			if (large > 0) != on || (partial > 0) != on || (bad > 0) != on {
				t.Errorf("%d frames above the MTU, %d with a partial checksum, %d with a wrong one", large, partial, bad)
			}
		})
	}
}

// checksumsRight computes a frame's TCP checksum anew.
func checksumsRight(t *testing.T, f lab.Frame) bool {
	t.Helper()
	packet := gopacket.NewPacket(f.Data, layers.LayerTypeEthernet, gopacket.NoCopy)
	ip, ok := packet.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	tcp, also := packet.Layer(layers.LayerTypeTCP).(*layers.TCP)
	if !ok || !also {
		t.Fatalf("not TCP: %v", f)
	}
	sent := tcp.Checksum
	if err := tcp.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	buffer := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{ComputeChecksums: true}, tcp, gopacket.Payload(tcp.Payload)); err != nil {
		t.Fatal(err)
	}
	return tcp.Checksum == sent
}
