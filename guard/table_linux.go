package guard

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

const (
	tablePrefix = "lvsdr_"
	chainName   = "ingress"
	// Before conntrack and whatever else an administrator may hook here.
	priority = -300
	// elementsAtOnce keeps a netlink attribute below its 64 KiB.
	elementsAtOnce = 1000
	// sendBuffer holds a transaction with 50,000 VIPs; the kernel allocates it
	// only as it is used.
	sendBuffer = 4 << 20
)

// table is the nftables table of one interface. It implements ruleset; each
// call has a netlink socket of its own, in the calling thread's namespace.
type table struct {
	dev  string // the interface
	name string // of the table
}

func newTable(device string) *table { return &table{dev: device, name: tableName(device)} }

// tableName escapes what `nft delete table netdev NAME` could not be told.
func tableName(device string) string {
	var b strings.Builder
	b.WriteString(tablePrefix)
	for _, c := range []byte(device) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '-', c == '_':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "_%02x", c)
		}
	}
	return b.String()
}

func haveInterface(name string) error {
	if _, err := net.InterfaceByName(name); err != nil {
		return fmt.Errorf("interface %s: %w", name, err)
	}
	return nil
}

// device implements ruleset.
func (t *table) device() (int, error) { return interfaceIndex(t.dev) }

func (t *table) nft() *nftables.Table {
	return &nftables.Table{Name: t.name, Family: nftables.TableFamilyNetdev}
}

func (t *table) chain() *nftables.Chain {
	policy := nftables.ChainPolicyAccept
	return &nftables.Chain{
		Name:     chainName,
		Table:    t.nft(),
		Type:     nftables.ChainTypeFilter,
		Hooknum:  nftables.ChainHookIngress,
		Priority: nftables.ChainPriorityRef(priority),
		Policy:   &policy,
		Device:   t.dev,
	}
}

func connect() (*nftables.Conn, error) {
	return nftables.New(nftables.WithSockOptions(func(c *netlink.Conn) error {
		return c.SetWriteBuffer(sendBuffer)
	}))
}

// replace writes the table in one transaction. Adding before deleting makes it
// right whether there was one or not.
func (t *table) replace(vips []netip.Addr) error {
	c, err := connect()
	if err != nil {
		return t.explain(err)
	}
	c.AddTable(t.nft())
	c.DelTable(t.nft())
	c.AddTable(t.nft())
	chain := c.AddChain(t.chain())
	for _, family := range families {
		if err := addSet(c, family.set(t.nft()), family.elements(vips)); err != nil {
			return t.explain(err)
		}
	}
	for _, exprs := range rules() {
		c.AddRule(&nftables.Rule{Table: t.nft(), Chain: chain, Exprs: exprs})
	}
	return t.explain(c.Flush())
}

func addSet(c *nftables.Conn, set *nftables.Set, elements []nftables.SetElement) error {
	if err := c.AddSet(set, nil); err != nil {
		return err
	}
	for chunk := range slices.Chunk(elements, elementsAtOnce) {
		if err := c.SetAddElements(set, chunk); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes the table, if there is one.
func (t *table) remove() error {
	c, err := connect()
	if err != nil {
		return t.explain(err)
	}
	c.AddTable(t.nft())
	c.DelTable(t.nft())
	return t.explain(c.Flush())
}

// intact says whether the kernel has the table as replace wrote it.
func (t *table) intact(vips []netip.Addr) (bool, error) { return t.holds(vips, sameElements) }

// covers says whether the kernel has the table as replace wrote it, for vips and
// perhaps for others.
func (t *table) covers(vips []netip.Addr) (bool, error) { return t.holds(vips, haveElements) }

// holds says whether the table is there, and what its sets hold compares well with
// the elements for vips.
func (t *table) holds(vips []netip.Addr, compare func(got, want []nftables.SetElement) bool) (bool, error) {
	c, err := connect()
	if err != nil {
		return false, t.explain(err)
	}
	chains, err := c.ListChainsOfTableFamily(nftables.TableFamilyNetdev)
	if err != nil {
		return false, t.explain(err)
	}
	i := slices.IndexFunc(chains, func(ch *nftables.Chain) bool { return ch.Table.Name == t.name && ch.Name == chainName })
	if i < 0 || chains[i].Hooknum == nil || *chains[i].Hooknum != *nftables.ChainHookIngress {
		return false, nil
	}
	got, err := c.GetRules(t.nft(), chains[i])
	if err != nil {
		return false, t.gone(err)
	}
	if !sameRules(got, rules()) {
		return false, nil
	}
	for _, family := range families {
		elements, err := c.GetSetElements(family.set(t.nft()))
		if err != nil {
			return false, t.gone(err)
		}
		if !compare(elements, family.elements(vips)) {
			return false, nil
		}
	}
	return true, nil
}

// gone makes what vanished between two questions a plain "not intact".
func (t *table) gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return t.explain(err)
}

func sameElements(got, want []nftables.SetElement) bool {
	return slices.Equal(keys(got), keys(want))
}

// haveElements says whether all that is wanted is there.
func haveElements(got, want []nftables.SetElement) bool {
	have := keys(got)
	return !slices.ContainsFunc(keys(want), func(key string) bool {
		_, found := slices.BinarySearch(have, key)
		return !found
	})
}

// keys returns the elements' keys in order.
func keys(elements []nftables.SetElement) []string {
	all := make([]string, len(elements))
	for i, e := range elements {
		all[i] = string(e.Key)
	}
	slices.Sort(all)
	return all
}

// sameRules compares all but what counters hold and what the library adds.
func sameRules(got []*nftables.Rule, want [][]expr.Any) bool {
	return slices.EqualFunc(got, want, func(r *nftables.Rule, exprs []expr.Any) bool {
		return slices.EqualFunc(r.Exprs, exprs, func(a, b expr.Any) bool {
			if _, ok := a.(*expr.Counter); ok {
				_, ok = b.(*expr.Counter)
				return ok
			}
			return reflect.DeepEqual(a, b)
		})
	})
}

// deviceGone tells the ENOENT of an interface that is not there, before Linux
// 6.16, from that of a kernel without nftables for network devices.
func (t *table) deviceGone() bool {
	_, err := t.device()
	return errors.Is(err, ErrGone)
}

// explain names the interface and adds the remedy.
func (t *table) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission):
		err = fmt.Errorf("%w: run it as root or with CAP_NET_ADMIN", err)
	case errors.Is(err, unix.ENOENT) && t.deviceGone():
		err = fmt.Errorf("interface %s %w", t.dev, ErrGone)
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.EAFNOSUPPORT), errors.Is(err, unix.ENOENT):
		err = fmt.Errorf("%w: this kernel has no nftables for network devices (CONFIG_NF_TABLES_NETDEV): "+
			"set `guard: off` and net.ipv4.ip_forward=0", err)
	}
	return fmt.Errorf("guard on %s: %w", t.dev, err)
}
