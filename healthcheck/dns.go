package healthcheck

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// dnsTypes are the records that can be asked for.
var dnsTypes = map[string]dnsmessage.Type{
	"A": dnsmessage.TypeA, "AAAA": dnsmessage.TypeAAAA, "CNAME": dnsmessage.TypeCNAME, "MX": dnsmessage.TypeMX,
	"NS": dnsmessage.TypeNS, "PTR": dnsmessage.TypePTR, "SOA": dnsmessage.TypeSOA, "SRV": dnsmessage.TypeSRV,
	"TXT": dnsmessage.TypeTXT,
}

// rcodes are the response codes, by their names in IANA's list.
var rcodes = map[string]dnsmessage.RCode{
	"NOERROR": dnsmessage.RCodeSuccess, "FORMERR": dnsmessage.RCodeFormatError,
	"SERVFAIL": dnsmessage.RCodeServerFailure, "NXDOMAIN": dnsmessage.RCodeNameError,
	"NOTIMP": dnsmessage.RCodeNotImplemented, "REFUSED": dnsmessage.RCodeRefused,
}

// dnsCheck asks a DNS server (RFC 1035) over UDP, and over TCP if the answer is
// said to be longer.
type dnsCheck struct {
	dial    DialFunc
	address string
	asked   dnsmessage.Question
	name    string // the question's, as configured
	kind    string // the question's type
	rcode   dnsmessage.RCode
	answer  string // "": any
}

func validateDNS(s *Spec) []FieldError {
	var errs []FieldError
	fail := func(field, message, remedy string) { errs = append(errs, FieldError{field, message, remedy}) }
	if s.Name == "" {
		fail("name", "is missing: nothing says what to ask for", `a name that the server knows, such as example.org, or "." for the root`)
	} else if _, err := dnsName(s.Name); err != nil {
		fail("name", err.Error(), "a name such as www.example.org")
	}
	if _, known := dnsTypes[s.dnsType()]; !known {
		fail("type", fmt.Sprintf("%q is not a type that can be asked for", s.Type), "one of "+strings.Join(slices.Sorted(maps.Keys(dnsTypes)), ", "))
	} else if s.Answer != "" {
		if remedy := wrongAnswer(s.dnsType(), s.Answer); remedy != "" {
			fail("answer", fmt.Sprintf("%q is not the data of a record of type %s", s.Answer, s.dnsType()), remedy)
		}
	}
	if _, known := rcodes[strings.ToUpper(s.Rcode)]; !known && s.Rcode != "" {
		fail("rcode", fmt.Sprintf("%q is not a response code", s.Rcode), "one of "+strings.Join(slices.Sorted(maps.Keys(rcodes)), ", "))
	} else if s.Answer != "" && s.Rcode != "" && !strings.EqualFold(s.Rcode, DefaultRcode) {
		fail("answer", "does not come with "+strings.ToUpper(s.Rcode), "remove it, or rcode: NOERROR")
	}
	return errs
}

func (s *Spec) dnsType() string {
	if s.Type == "" {
		return DefaultType
	}
	return strings.ToUpper(s.Type)
}

// dnsName reads a name, with or without the dot at its end.
func dnsName(name string) (dnsmessage.Name, error) {
	text := name
	bad := strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' })
	if text != "." {
		text = strings.TrimSuffix(text, ".") + "."
		for label := range strings.SplitSeq(strings.TrimSuffix(text, "."), ".") {
			bad = bad || label == "" || len(label) > 63
		}
	}
	n, err := dnsmessage.NewName(text)
	if err != nil || bad || len(text) > 254 {
		return n, fmt.Errorf("%q is not a name in DNS", name)
	}
	return n, nil
}

func newDNS(s Spec, t Target, way Way) (question, error) {
	name, err := dnsName(s.Name)
	return &dnsCheck{
		dial: way.with(reportErrors(t)).dialer(), address: t.endpoint(),
		asked: dnsmessage.Question{Name: name, Type: dnsTypes[s.dnsType()], Class: dnsmessage.ClassINET},
		name:  s.Name, kind: s.dnsType(), rcode: rcodes[strings.ToUpper(s.Rcode)], answer: s.Answer,
	}, err
}

func (c *dnsCheck) ask(ctx context.Context) (Result, error) {
	id := uint16(rand.Uint32())
	query, err := c.query(id)
	if err != nil {
		return Result{}, err
	}
	answer, err := c.overUDP(ctx, id, query)
	if err == nil && answer.truncated {
		answer, err = c.overTCP(ctx, id, query)
		err = during("the answer is truncated, and over TCP", err)
	}
	if err != nil {
		return Result{}, err
	}
	return c.judge(answer)
}

// query makes the message that is sent. It wishes recursion, which a server that
// only knows its own zones ignores.
func (c *dnsCheck) query(id uint16) ([]byte, error) {
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{c.asked},
	}
	return m.Pack()
}

// overUDP passes over what is no answer to the question.
func (c *dnsCheck) overUDP(ctx context.Context, id uint16, query []byte) (dnsAnswer, error) {
	conn, err := connect(ctx, c.dial, "udp", c.address)
	if err != nil {
		return dnsAnswer{}, err
	}
	defer conn.Close()
	if _, err := conn.Write(query); err != nil {
		return dnsAnswer{}, err
	}
	buffer := make([]byte, 4096)
	var other error
	for {
		n, err := conn.Read(buffer)
		if err != nil && other != nil {
			return dnsAnswer{}, other
		}
		if err != nil {
			return dnsAnswer{}, err
		}
		answer, err := parseDNS(buffer[:n], id, c.asked)
		if err == nil {
			return answer, nil
		}
		other = err
	}
}

func (c *dnsCheck) overTCP(ctx context.Context, id uint16, query []byte) (dnsAnswer, error) {
	conn, err := connect(ctx, c.dial, "tcp", c.address)
	if err != nil {
		return dnsAnswer{}, err
	}
	defer conn.Close()
	message, err := exchangeTCP(conn, query)
	if err != nil {
		return dnsAnswer{}, err
	}
	return parseDNS(message, id, c.asked)
}

// exchangeTCP sends a message and reads one, each with its length before it (RFC
// 1035, 4.2.2).
func exchangeTCP(conn net.Conn, query []byte) ([]byte, error) {
	framed := binary.BigEndian.AppendUint16(nil, uint16(len(query)))
	if _, err := conn.Write(append(framed, query...)); err != nil {
		return nil, err
	}
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, err
	}
	message := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(conn, message)
	return message, err
}

// judge compares the answer with what is expected.
func (c *dnsCheck) judge(a dnsAnswer) (Result, error) {
	if a.rcode != c.rcode {
		return Result{}, fmt.Errorf("%s for %s %s, expected %s", rcodeName(a.rcode), c.name, c.kind, rcodeName(c.rcode))
	}
	if c.answer == "" {
		return Result{Message: rcodeName(a.rcode)}, nil
	}
	if !slices.ContainsFunc(a.data, func(data string) bool { return sameData(c.kind, data, c.answer) }) {
		if len(a.data) == 0 {
			return Result{}, fmt.Errorf("no %s record for %s, expected %s", c.kind, c.name, c.answer)
		}
		return Result{}, fmt.Errorf("%s is %s, expected %s", c.name, strings.Join(a.data, ", "), c.answer)
	}
	return Result{Message: rcodeName(a.rcode) + ", " + c.answer}, nil
}

func rcodeName(code dnsmessage.RCode) string {
	for name, c := range rcodes {
		if c == code {
			return name
		}
	}
	return fmt.Sprintf("RCODE%d", code)
}

func (c *dnsCheck) String() string { return "dns://" + c.address + "/" + c.name + " " + c.kind }

var errNotAnswer = errors.New("what came is no answer to the question")
