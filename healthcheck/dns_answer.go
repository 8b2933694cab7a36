package healthcheck

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// dnsAnswer is what a check looks at in a message.
type dnsAnswer struct {
	rcode     dnsmessage.RCode
	truncated bool
	data      []string // of the answer's records of the type that was asked for
}

// parseDNS reads the answer to a question. A message with another question or
// number is somebody else's, or forged.
func parseDNS(message []byte, id uint16, asked dnsmessage.Question) (dnsAnswer, error) {
	var p dnsmessage.Parser
	h, err := p.Start(message)
	if err != nil || !h.Response || h.ID != id {
		return dnsAnswer{}, errNotAnswer
	}
	answer := dnsAnswer{rcode: h.RCode, truncated: h.Truncated}
	questions, err := p.AllQuestions()
	// A server that could not read the question need not repeat it.
	if err != nil || len(questions) > 1 || len(questions) == 0 && h.RCode == dnsmessage.RCodeSuccess {
		return dnsAnswer{}, errNotAnswer
	}
	for _, q := range questions {
		if q.Type != asked.Type || q.Class != asked.Class || !strings.EqualFold(q.Name.String(), asked.Name.String()) {
			return dnsAnswer{}, errNotAnswer
		}
	}
	if answer.truncated || answer.rcode != dnsmessage.RCodeSuccess {
		return answer, nil
	}
	answer.data, err = records(&p, asked.Type)
	return answer, err
}

// records reads the data of the answer's records of one type. They need not have
// the name that was asked for: there may be a CNAME between.
func records(p *dnsmessage.Parser, asked dnsmessage.Type) (data []string, err error) {
	for {
		h, err := p.AnswerHeader()
		if err == dnsmessage.ErrSectionDone {
			return data, nil
		}
		if err != nil {
			return nil, fmt.Errorf("malformed answer: %w", err)
		}
		if h.Type != asked {
			if err := p.SkipAnswer(); err != nil {
				return nil, fmt.Errorf("malformed answer: %w", err)
			}
			continue
		}
		r, err := p.Answer()
		if err != nil {
			return nil, fmt.Errorf("malformed answer: %w", err)
		}
		data = append(data, recordData(r.Body))
	}
}

// recordData is a record's data as a zone file has it (RFC 1035, 5), without the
// dot at the end of names. Of a SOA it is the server's name.
func recordData(body dnsmessage.ResourceBody) string {
	switch r := body.(type) {
	case *dnsmessage.AResource:
		return netip.AddrFrom4(r.A).String()
	case *dnsmessage.AAAAResource:
		return netip.AddrFrom16(r.AAAA).String()
	case *dnsmessage.CNAMEResource:
		return noDot(r.CNAME)
	case *dnsmessage.NSResource:
		return noDot(r.NS)
	case *dnsmessage.PTRResource:
		return noDot(r.PTR)
	case *dnsmessage.SOAResource:
		return noDot(r.NS)
	case *dnsmessage.MXResource:
		return fmt.Sprintf("%d %s", r.Pref, noDot(r.MX))
	case *dnsmessage.SRVResource:
		return fmt.Sprintf("%d %d %d %s", r.Priority, r.Weight, r.Port, noDot(r.Target))
	case *dnsmessage.TXTResource:
		return strings.Join(r.TXT, "")
	}
	return ""
}

func noDot(n dnsmessage.Name) string {
	if n.String() == "." {
		return "."
	}
	return strings.TrimSuffix(n.String(), ".")
}

// sameData compares a record's data with what is expected. Names have no case,
// texts do.
func sameData(kind, got, want string) bool {
	switch kind {
	case "TXT":
		return got == want
	case "A", "AAAA":
		a, err := netip.ParseAddr(want)
		return err == nil && got == a.Unmap().String()
	}
	if want != "." {
		want = strings.TrimSuffix(want, ".")
	}
	return strings.EqualFold(got, strings.Join(strings.Fields(want), " "))
}

// wrongAnswer says what the data of a record of that type would look like, if
// the text cannot be such; "" if it can.
func wrongAnswer(kind, text string) (remedy string) {
	words := strings.Fields(text)
	numbers := map[string]int{"MX": 1, "SRV": 3}[kind]
	for _, w := range words[:min(numbers, len(words))] {
		if _, err := strconv.ParseUint(w, 10, 16); err != nil {
			words = nil
		}
	}
	addr, err := netip.ParseAddr(text)
	switch {
	case kind == "TXT":
		return ""
	case kind == "A" && (err != nil || !addr.Is4()):
		return "an address such as 192.0.2.1"
	case kind == "AAAA" && (err != nil || !addr.Is6() || addr.Is4In6()):
		return "an address such as 2001:db8::1"
	case kind == "A", kind == "AAAA":
		return ""
	case len(words) == numbers+1 && validName(words[numbers]):
		return ""
	case kind == "MX":
		return "a preference and a name, such as 10 mail.example.org"
	case kind == "SRV":
		return "priority, weight, port and a name, such as 0 5 443 www.example.org"
	}
	return "a name such as www.example.org"
}

func validName(text string) bool {
	_, err := dnsName(text)
	return err == nil
}
