package via

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// kernel is the routing of the network namespace in which it was opened, by
// rtnetlink(7). It is for one goroutine at a time.
type kernel struct {
	conn *netlink.Conn
	// strict: dumps are filtered by the kernel (NETLINK_GET_STRICT_CHK, since Linux
	// 4.20). Otherwise they hold everything.
	strict bool
}

func openKernel() (*kernel, error) {
	conn, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{Strict: true})
	if err == nil {
		return &kernel{conn, true}, nil
	}
	if conn, err = netlink.Dial(unix.NETLINK_ROUTE, nil); err != nil {
		return nil, fmt.Errorf("rtnetlink: %w", err)
	}
	return &kernel{conn, false}, nil
}

func (k *kernel) close() error { return k.conn.Close() }

// message is the fixed part of a request, and its attributes.
type message struct {
	kind   uint16 // RTM_*
	header []byte
	attrs  *netlink.AttributeEncoder
}

func newMessage(kind uint16, header []byte) message {
	return message{kind, header, netlink.NewAttributeEncoder()}
}

// addr adds an address as the kernel has it.
func (m message) addr(kind uint16, a netip.Addr) { m.attrs.Bytes(kind, a.AsSlice()) }

func (k *kernel) execute(m message, flags netlink.HeaderFlags) ([]netlink.Message, error) {
	attrs, err := m.attrs.Encode()
	if err != nil {
		return nil, err
	}
	return k.conn.Execute(netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(m.kind), Flags: netlink.Request | flags},
		Data:   append(m.header, attrs...),
	})
}

// dumps is how often a dump is asked for that changes have interrupted.
const dumps = 5

// dump calls see with the fixed part and the attributes of each message of a
// family's list. A family that this kernel lacks has none.
func (k *kernel) dump(m message, size int, see func(header []byte, attrs *netlink.AttributeDecoder) error) error {
	family := m.header[0]
	for range dumps {
		messages, err := k.execute(m, netlink.Dump)
		switch {
		case lacks(err):
			return nil
		case err != nil:
			return err
		case interrupted(messages):
			continue
		}
		for _, got := range messages {
			// A family that has no list of its own answers with all there are.
			if len(got.Data) < size || got.Data[0] != family {
				continue
			}
			attrs, err := netlink.NewAttributeDecoder(got.Data[size:])
			if err != nil {
				return err
			}
			if err := see(got.Data[:size], attrs); err != nil {
				return err
			}
			if err := attrs.Err(); err != nil {
				return err
			}
		}
		return nil
	}
	return errors.New("the list changed while it was read, again and again")
}

func interrupted(messages []netlink.Message) bool {
	for _, m := range messages {
		if m.Header.Flags&netlink.DumpInterrupted != 0 {
			return true
		}
	}
	return false
}

// lacks reports whether the kernel has no such thing: no table of that number, or
// no IPv6.
func lacks(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP)
}

// families are those that have rules and routes.
var families = []byte{unix.AF_INET, unix.AF_INET6}

func family(a netip.Addr) byte {
	if a.Is6() {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

// native is in which order the kernel has the bytes of a number.
var native = binary.NativeEndian

// add puts an entry into the kernel; one that is there already is no error.
func (k *kernel) add(e entry) error {
	m, flags := request(e, true)
	_, err := k.execute(m, netlink.Acknowledge|netlink.Create|flags)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return explain("", e, err)
}

// remove takes an entry away; one that is gone already is no error.
func (k *kernel) remove(e entry) error {
	m, _ := request(e, false)
	_, err := k.execute(m, netlink.Acknowledge)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return explain("remove ", e, err)
}

// request is the message that adds or removes an entry, and how it is added.
func request(e entry, add bool) (message, netlink.HeaderFlags) {
	switch e := e.(type) {
	case rule:
		return e.message(add), netlink.Excl
	case route:
		return e.message(add), netlink.Excl
	case neighbor:
		return e.message(add), netlink.Replace
	}
	panic(fmt.Sprintf("an entry of type %T", e))
}

// explain names the entry and adds the remedy.
func explain(what string, e entry, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission):
		err = fmt.Errorf("%w: run the director as root or with CAP_NET_ADMIN, or set via: real", err)
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EAFNOSUPPORT):
		err = fmt.Errorf("%w: this kernel has no policy routing (CONFIG_IP_MULTIPLE_TABLES, CONFIG_IPV6_MULTIPLE_TABLES): set via: real", err)
	}
	return fmt.Errorf("%s%v: %w", what, e, err)
}
