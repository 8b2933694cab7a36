package ends

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"lvsdr/bench"
	"lvsdr/bench/generator"
)

// Sender sends out of one interface. Its methods belong to one goroutine.
type Sender struct {
	options   SendOptions
	traffic   generator.Traffic
	device    *device
	generator generator.Generator
	kind      generator.Kind
	why       error      // that it is not the fastest
	via       netip.Addr // the gateway that the frames go to, if there is one
}

// OpenSender gets ready to send: it finds out where frames to the VIP go, but sends
// none. It needs root; Close frees it.
func OpenSender(ctx context.Context, o SendOptions) (*Sender, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	s := &Sender{options: o, traffic: o.traffic()}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Sender) open(ctx context.Context) (err error) {
	if s.device, err = openDevice(s.options.Interface); err != nil {
		return err
	}
	if err := s.traffic.Complete(); err != nil {
		return err
	}
	if most := s.device.mtu + 14; s.traffic.Size > most {
		return fmt.Errorf("frames of %d bytes: %s has an MTU of %d, so %d is the most", s.traffic.Size, s.device.name, s.device.mtu, most)
	}
	s.traffic.Source = s.device.mac
	if s.options.MAC == [6]byte{} {
		if s.traffic.Destination, s.via, err = s.device.resolve(ctx, s.options.To.Addr()); err != nil {
			return err
		}
	}
	switch s.kind = s.options.Kind; s.kind {
	case generator.LiveFrames:
		s.generator, err = generator.OpenLive(s.device.name, s.traffic)
	case generator.Packet:
		s.generator, err = generator.OpenPacket(s.device.name, s.traffic)
	default:
		s.generator, s.kind, s.why, err = generator.Open(s.device.name, s.traffic)
	}
	return err
}

// Plan says what will be sent, from where and to where, in a few lines.
func (s *Sender) Plan() string {
	t := &s.traffic
	first, last := t.Sources()
	pace := "as many frames as it can"
	if s.options.Rate > 0 {
		pace = fmt.Sprintf("%s frames/s, %s of the wire", bench.Scale(s.options.Rate), bits(s.options.Rate*wireBits(t.Size)))
	}
	to := net.HardwareAddr(t.Destination[:]).String()
	if s.via.IsValid() {
		to += fmt.Sprintf(", the gateway %v", s.via)
	}
	plan := fmt.Sprintf(`will send %s out of %s for %v, by %s:
  %s frames of %d bytes to %v (%s)
  from %v to %v, ports %d to %d`,
		pace, s.device.name, s.options.Time, s.kind,
		t.Protocol, t.Size, t.To, to,
		first.Addr(), last.Addr(), first.Port(), last.Port())
	if t.Protocol == generator.TCP {
		plan += fmt.Sprintf("\n  after %d SYNs at the same pace, one for each connection, in %v at most",
			t.Flows, s.options.openingLimit(t.Flows).Round(time.Millisecond))
	}
	if s.why != nil {
		plan += fmt.Sprintf("\n  not by %s, which would be faster: %v", generator.LiveFrames, s.why)
	}
	return plan
}

// wireBits is what a frame takes of the wire: with its checksum, preamble and the
// gap behind it (IEEE 802.3).
func wireBits(size int) float64 { return float64(8 * (max(size, generator.MinSize) + 4 + 20)) }

func bits(rate float64) string {
	text := bench.Scale(rate)
	if !strings.Contains(text, " ") {
		text += " "
	}
	return text + "bit/s"
}

// Close frees what sends.
func (s *Sender) Close() error {
	var err error
	if s.generator != nil {
		err = s.generator.Close()
	}
	if s.device != nil {
		s.device.close()
	}
	return err
}
