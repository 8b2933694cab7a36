package scheduler

import "math/bits"

// The kernel's constants: the table's default size, a prime; the two hash keys;
// and how many bits a server's share of turns may have at that size.
const (
	maglevSize     = 4093
	maglevKey1     = 2654435761
	maglevKey2     = 2654446892
	maglevTurnBits = 6
)

// maglev is a finished table; it never changes.
type maglev struct {
	servers []*Candidate
	places  *[maglevSize]*Candidate // nil: no server has a place
}

// maglevBuilder remembers the last weight above 0 of each server, which decides
// its share of the table: a quiesced server keeps its places, and nobody else's
// clients move.
type maglevBuilder struct {
	lastWeight map[*Candidate]int
}

// permutation is the order in which one server asks for places.
type permutation struct {
	server   *Candidate
	at, skip uint32
	turns    int // places taken in a row
}

func (b *maglevBuilder) build(list []*Candidate) *maglev {
	b.remember(list)
	t := &maglev{servers: list}
	if order := b.permutations(list); len(order) > 0 {
		t.places = fill(order)
	}
	return t
}

// remember forgets servers that left: one that returns starts with its weight.
func (b *maglevBuilder) remember(list []*Candidate) {
	weights := make(map[*Candidate]int, len(list))
	for _, c := range list {
		w := c.Whole()
		if w == 0 {
			w = b.lastWeight[c]
		}
		weights[c] = w
	}
	b.lastWeight = weights
}

// permutations returns those of the servers with a place, in the list's order.
func (b *maglevBuilder) permutations(list []*Candidate) []permutation {
	divisor, greatest := 0, 0
	for _, w := range b.lastWeight {
		divisor, greatest = gcd(divisor, w), max(greatest, w)
	}
	if greatest == 0 {
		return nil
	}
	shift := max(bits.Len(uint(greatest/divisor))-maglevTurnBits, 0)
	order := make([]permutation, 0, len(list))
	for _, c := range list {
		w := b.lastWeight[c]
		if w == 0 {
			continue
		}
		key := fold(c.Addr) + uint32(c.Port)
		order = append(order, permutation{
			server: c,
			at:     hsiphash(key, maglevKey1) % maglevSize,
			skip:   hsiphash(key, maglevKey2)%(maglevSize-1) + 1,
			turns:  max((w/divisor)>>shift, 1),
		})
	}
	return order
}

// fill lets the servers take places by turns until none is free.
func fill(order []permutation) *[maglevSize]*Candidate {
	places := new([maglevSize]*Candidate)
	free := maglevSize
	for {
		for i := range order {
			p := &order[i]
			for range p.turns {
				for places[p.at] != nil {
					if p.at += p.skip; p.at >= maglevSize {
						p.at -= maglevSize
					}
				}
				places[p.at] = p.server
				if free--; free == 0 {
					return places
				}
			}
		}
	}
}
