package ruleset

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Attributes that golang.org/x/sys/unix lacks (linux/netfilter/nf_tables.h).
const (
	setElemKeyEnd   = 10 // NFTA_SET_ELEM_KEY_END
	setElemCatchAll = 2  // NFT_SET_ELEM_CATCHALL
	setDescConcat   = 2  // NFTA_SET_DESC_CONCAT
	setFieldLen     = 1  // NFTA_SET_FIELD_LEN
)

// setOf is a set or a map.
type setOf struct {
	interval bool  // elements are the ends of ranges
	keyLen   int   // bytes
	fields   []int // the lengths of what a concatenation is made of, bytes
	read     bool
	elements []element
	bounds   [][]byte // the keys of elements in order, once a range was looked for
}

// element is one of a set: in a set of ranges that is no concatenation, the
// first value of a range or, with end, the first behind it.
type element struct {
	key, keyEnd []byte // keyEnd: the last value of a range, in a concatenation
	end         bool
	catchAll    bool
	value       []byte        // of a map
	verdict     *expr.Verdict // of a verdict map
}

// readDescription reads the fields of a concatenation.
func (s *setOf) readDescription(ad *netlink.AttributeDecoder) error {
	for ad.Next() {
		if ad.Type() == setDescConcat {
			ad.Nested(func(ad *netlink.AttributeDecoder) error {
				for ad.Next() {
					ad.Nested(s.readField)
				}
				return nil
			})
		}
	}
	return nil
}

func (s *setOf) readField(ad *netlink.AttributeDecoder) error {
	for ad.Next() {
		if ad.Type() == setFieldLen {
			s.fields = append(s.fields, int(ad.Uint32()))
		}
	}
	return nil
}

// elementsOf reads the elements of a set, once.
func (rs *Ruleset) elementsOf(at place) (*setOf, error) {
	s := rs.sets[at]
	if s == nil || s.read || rs.conn == nil {
		return s, nil
	}
	err := rs.dump(unix.NFT_MSG_GETSETELEM, &at, func(_ nftables.TableFamily, ad *netlink.AttributeDecoder) error {
		for ad.Next() {
			if ad.Type() == unix.NFTA_SET_ELEM_LIST_ELEMENTS {
				ad.Nested(s.readElements)
			}
		}
		return nil
	})
	s.read = err == nil
	return s, err
}

func (s *setOf) readElements(ad *netlink.AttributeDecoder) error {
	for ad.Next() {
		var e element
		ad.Nested(e.decode)
		s.elements = append(s.elements, e)
	}
	return nil
}

func (e *element) decode(ad *netlink.AttributeDecoder) error {
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_SET_ELEM_KEY:
			ad.Nested(func(ad *netlink.AttributeDecoder) error { e.key, _ = readData(ad); return nil })
		case setElemKeyEnd:
			ad.Nested(func(ad *netlink.AttributeDecoder) error { e.keyEnd, _ = readData(ad); return nil })
		case unix.NFTA_SET_ELEM_DATA:
			ad.Nested(func(ad *netlink.AttributeDecoder) error { e.value, e.verdict = readData(ad); return nil })
		case unix.NFTA_SET_ELEM_FLAGS:
			flags := ad.Uint32()
			e.end = flags&unix.NFT_SET_ELEM_INTERVAL_END != 0
			e.catchAll = flags&setElemCatchAll != 0
		}
	}
	return nil
}

// readData reads a value or a verdict.
func readData(ad *netlink.AttributeDecoder) (value []byte, verdict *expr.Verdict) {
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_DATA_VALUE:
			value = bytes.Clone(ad.Bytes())
		case unix.NFTA_DATA_VERDICT:
			verdict = &expr.Verdict{}
			ad.Nested(func(ad *netlink.AttributeDecoder) error {
				for ad.Next() {
					switch ad.Type() {
					case unix.NFTA_VERDICT_CODE:
						verdict.Kind = expr.VerdictKind(int32(binary.BigEndian.Uint32(ad.Bytes())))
					case unix.NFTA_VERDICT_CHAIN:
						verdict.Chain = ad.String()
					}
				}
				return nil
			})
		}
	}
	return value, verdict
}

// find looks a key up. Where a byte of the key is not known, every element that
// it may be is found, and met is perhaps.
func (s *setOf) find(key value) (met answer, found []element) {
	met = no
	add := func(a answer, e element) {
		if a != no {
			met, found = met.or(a), append(found, e)
		}
	}
	var catchAll *element
	for i, e := range s.elements {
		switch {
		case e.catchAll:
			catchAll = &s.elements[i]
		case e.keyEnd != nil:
			add(key.within(e.key, e.keyEnd, s.fields), e)
		case s.interval && e.end:
		case s.interval:
			add(s.inRange(key, e.key), e)
		default:
			add(key.equals(e.key), e)
		}
	}
	if catchAll != nil && met != yes {
		met, found = max(met, perhaps), append(found, *catchAll)
		if len(found) == 1 {
			met = yes
		}
	}
	return met, found
}

// inRange says whether the key is in the range that begins there: it is at or
// after the beginning, and before the nearest end after it.
func (s *setOf) inRange(key value, first []byte) answer {
	a := key.compare(first, func(c int) bool { return c >= 0 })
	after, ok := s.boundAfter(first)
	if !ok {
		return a
	}
	return a.and(key.compare(after, func(c int) bool { return c < 0 }))
}

// boundAfter returns the nearest key after that one. Sets of a hundred thousand
// ranges are common (lists of addresses to block), so it does not look at each.
func (s *setOf) boundAfter(key []byte) ([]byte, bool) {
	if s.bounds == nil {
		s.bounds = make([][]byte, len(s.elements))
		for i, e := range s.elements {
			s.bounds[i] = e.key
		}
		slices.SortFunc(s.bounds, bytes.Compare)
	}
	i, found := slices.BinarySearchFunc(s.bounds, key, bytes.Compare)
	for found && i < len(s.bounds) && bytes.Equal(s.bounds[i], key) {
		i++
	}
	if i == len(s.bounds) {
		return nil, false
	}
	return s.bounds[i], true
}
