package ruleset

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Ruleset is what nftables has in one network namespace, as far as packets are tried
// on it: chains with their rules, and sets whose elements are read when a rule asks
// for them. It reads the kernel's messages itself (linux/netfilter/nf_tables.h),
// because an expression that is not known must not go unseen. One goroutine at a time
// may use it.
type Ruleset struct {
	conn   *netlink.Conn // nil: all is read
	bases  []baseChain   // in the order in which packets pass them
	chains map[place]*[]ruleOf
	sets   map[place]*setOf
}

// place names a chain or a set.
type place struct {
	family      nftables.TableFamily
	table, name string
}

func (p place) String() string {
	return fmt.Sprintf("%s %s %s", familyNames[p.family], p.table, p.name)
}

var familyNames = map[nftables.TableFamily]string{
	nftables.TableFamilyINet: "inet", nftables.TableFamilyIPv4: "ip", nftables.TableFamilyIPv6: "ip6",
	nftables.TableFamilyARP: "arp", nftables.TableFamilyNetdev: "netdev", nftables.TableFamilyBridge: "bridge",
}

// baseChain is a chain that the kernel enters by itself.
type baseChain struct {
	place
	hook     uint32
	priority int32
	kind     string   // filter, nat or route
	drops    bool     // its policy
	devices  []string // those it is bound to, in netdev and ingress
}

// Attributes that golang.org/x/sys/unix lacks (linux/netfilter/nf_tables.h).
// devicePrefix is NFTA_DEVICE_PREFIX, for all interfaces whose names begin so.
const (
	hookDevices  = 4 // NFTA_HOOK_DEVS
	devicePrefix = 2
	wildcard     = "*"
)

// ruleOf is a rule of a chain.
type ruleOf struct {
	handle     uint64
	statements []statement
}

// Read reads the rules of the network namespace that the calling thread is in. The
// caller closes them. It takes CAP_NET_ADMIN; an error wraps what the kernel says.
func Read() (*Ruleset, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, fmt.Errorf("netlink: %w", err)
	}
	rs := &Ruleset{conn: conn, chains: map[place]*[]ruleOf{}, sets: map[place]*setOf{}}
	if err := rs.read(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return rs, nil
}

// Close lets go of the kernel.
func (rs *Ruleset) Close() error {
	if rs.conn == nil {
		return nil
	}
	return rs.conn.Close()
}

func (rs *Ruleset) read() error {
	dormant := map[place]bool{}
	err := rs.dump(unix.NFT_MSG_GETTABLE, nil, func(family nftables.TableFamily, ad *netlink.AttributeDecoder) error {
		at, flags := place{family: family}, uint32(0)
		for ad.Next() {
			switch ad.Type() {
			case unix.NFTA_TABLE_NAME:
				at.table = ad.String()
			case unix.NFTA_TABLE_FLAGS:
				flags = ad.Uint32()
			}
		}
		dormant[at] = flags&unix.NFT_TABLE_F_DORMANT != 0
		return nil
	})
	if err != nil {
		return err
	}
	if err := rs.dump(unix.NFT_MSG_GETCHAIN, nil, rs.addChain); err != nil {
		return err
	}
	rs.bases = slices.DeleteFunc(rs.bases, func(b baseChain) bool { return dormant[place{family: b.family, table: b.table}] })
	slices.SortStableFunc(rs.bases, func(a, b baseChain) int { return cmp.Compare(a.priority, b.priority) })
	if err := rs.dump(unix.NFT_MSG_GETRULE, nil, rs.addRule); err != nil {
		return err
	}
	return rs.dump(unix.NFT_MSG_GETSET, nil, rs.addSet)
}

// dump asks for all objects of a kind, in all families unless attrs say
// otherwise, and hands each to fn.
func (rs *Ruleset) dump(message int, of *place, fn func(nftables.TableFamily, *netlink.AttributeDecoder) error) error {
	data := []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, 0}
	if of != nil {
		ae := netlink.NewAttributeEncoder()
		ae.String(unix.NFTA_SET_ELEM_LIST_TABLE, of.table)
		ae.String(unix.NFTA_SET_ELEM_LIST_SET, of.name)
		attrs, err := ae.Encode()
		if err != nil {
			return err
		}
		data[0] = byte(of.family)
		data = append(data, attrs...)
	}
	replies, err := rs.conn.Execute(netlink.Message{
		Header: netlink.Header{
			Type:  netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | message),
			Flags: netlink.Request | netlink.Dump,
		},
		Data: data,
	})
	if err != nil {
		return err
	}
	for _, m := range replies {
		if len(m.Data) < 4 {
			continue
		}
		ad, err := netlink.NewAttributeDecoder(m.Data[4:])
		if err != nil {
			return err
		}
		ad.ByteOrder = binary.BigEndian
		if err := fn(nftables.TableFamily(m.Data[0]), ad); err != nil {
			return err
		}
		if err := ad.Err(); err != nil {
			return err
		}
	}
	return nil
}

func (rs *Ruleset) addChain(family nftables.TableFamily, ad *netlink.AttributeDecoder) error {
	b, isBase := baseChain{place: place{family: family}}, false
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_CHAIN_TABLE:
			b.table = ad.String()
		case unix.NFTA_CHAIN_NAME:
			b.name = ad.String()
		case unix.NFTA_CHAIN_TYPE:
			b.kind = ad.String()
		case unix.NFTA_CHAIN_POLICY:
			b.drops = ad.Uint32() == 0 // NF_DROP
		case unix.NFTA_CHAIN_HOOK:
			isBase = true
			ad.Nested(b.readHook)
		}
	}
	rs.chains[b.place] = &[]ruleOf{}
	if isBase {
		rs.bases = append(rs.bases, b)
	}
	return nil
}

func (b *baseChain) readHook(ad *netlink.AttributeDecoder) error {
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_HOOK_HOOKNUM:
			b.hook = ad.Uint32()
		case unix.NFTA_HOOK_PRIORITY:
			b.priority = int32(ad.Uint32())
		case unix.NFTA_HOOK_DEV:
			b.devices = append(b.devices, ad.String())
		case hookDevices:
			ad.Nested(func(ad *netlink.AttributeDecoder) error {
				for ad.Next() {
					name := ad.String()
					if ad.Type() == devicePrefix {
						name += wildcard
					}
					b.devices = append(b.devices, name)
				}
				return nil
			})
		}
	}
	return nil
}

func (rs *Ruleset) addRule(family nftables.TableFamily, ad *netlink.AttributeDecoder) error {
	at, r := place{family: family}, ruleOf{}
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_RULE_TABLE:
			at.table = ad.String()
		case unix.NFTA_RULE_CHAIN:
			at.name = ad.String()
		case unix.NFTA_RULE_HANDLE:
			r.handle = ad.Uint64()
		case unix.NFTA_RULE_EXPRESSIONS:
			ad.Nested(func(ad *netlink.AttributeDecoder) error {
				for ad.Next() {
					r.statements = append(r.statements, readStatement(byte(family), ad.Bytes()))
				}
				return nil
			})
		}
	}
	if rules := rs.chains[at]; rules != nil {
		*rules = append(*rules, r)
	}
	return nil
}

func (rs *Ruleset) addSet(family nftables.TableFamily, ad *netlink.AttributeDecoder) error {
	at, s := place{family: family}, &setOf{}
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_SET_TABLE:
			at.table = ad.String()
		case unix.NFTA_SET_NAME:
			at.name = ad.String()
		case unix.NFTA_SET_FLAGS:
			s.interval = ad.Uint32()&unix.NFT_SET_INTERVAL != 0
		case unix.NFTA_SET_KEY_LEN:
			s.keyLen = int(ad.Uint32())
		case unix.NFTA_SET_DESC:
			ad.Nested(s.readDescription)
		}
	}
	rs.sets[at] = s
	return nil
}
