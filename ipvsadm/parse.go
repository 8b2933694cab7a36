package ipvsadm

import "errors"

// defaultScheduler is that of a service for which none is named.
const defaultScheduler = "wlc"

// parser makes a request of a line. An option is read with what stands before
// it in mind, as ipvsadm does: a port's name wants the protocol first, -6 the
// mark, a netmask the family.
type parser struct {
	scanner
	names Names
	request
	flags string // of the scheduler, as they were given
}

// parse reads a line without the program's name. Errors are *mistake.
func parse(args []string, names Names) (*request, error) {
	p := parser{scanner: scanner{args: args}, names: names}
	p.service.netmask = wholeAddresses
	p.server.weight = 1
	p.server.tunnel = "ipip"
	steps := []func() error{p.readCommand, p.readOptions, p.readWords, p.readFlagNames, p.checkUsage, p.check, p.checkRefused}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
		if p.command == help || p.command == version {
			break // whatever follows
		}
	}
	return &p.request, nil
}

// readCommand reads the first option, which says what the line is for.
func (p *parser) readCommand() error {
	o, argument, err := p.scan()
	if err != nil {
		return p.explain(err, noCommand())
	}
	if o.command == 0 {
		return noCommand()
	}
	p.command = o.command
	return p.read(o, argument)
}

// readOptions reads all others.
func (p *parser) readOptions() error {
	for {
		o, argument, err := p.scan()
		switch {
		case errors.Is(err, errEndOfLine):
			return nil
		case err != nil:
			return p.explain(err, &mistake{code: exitRefused, text: p.word() + ": " + err.Error()})
		case o.command != 0:
			return failf("invalid option `%s'", p.word())
		case o.kind != 0 && p.given.has(o.kind):
			return failf("multiple '%s' options specified", kindNames[o.kind])
		}
		if o.kind != 0 {
			p.given |= 1 << o.kind
		}
		if err := p.read(o, argument); err != nil {
			return err
		}
	}
}

func (p *parser) read(o *option, argument *string) error {
	switch {
	case o.read == nil:
		return nil
	case argument == nil:
		return o.read(p, "", false)
	}
	return o.read(p, *argument, true)
}

// explain prefers what can be said about options of other versions.
func (p *parser) explain(err error, otherwise *mistake) error {
	if errors.Is(err, errUnknown) {
		if why := foreign(p.word()); why != nil {
			return why
		}
	}
	return otherwise
}

// readWords reads what is no option: the arguments of --set.
func (p *parser) readWords() error {
	words := p.words
	if p.command == setTimeouts {
		if len(words) < 3 {
			return failf("--set option requires 3 timeout values")
		}
		for i, into := range []*int{&p.timeouts.TCP, &p.timeouts.TCPFin, &p.timeouts.UDP} {
			var err error
			if *into, err = timeout(words[i], 0); err != nil {
				return err
			}
		}
		words = words[3:]
	}
	if len(words) > 0 {
		return failf("unexpected argument %s", words[0])
	}
	return nil
}

// readFlagNames reads -b, which may stand before the scheduler.
func (p *parser) readFlagNames() (err error) {
	p.service.flags, err = parseFlags(p.service.scheduler, p.flags)
	return err
}

func (p *parser) checkUsage() error {
	return commandUsage[p.command].check(p.given, allKinds, "'"+commandNames[p.command]+"' command")
}

// check finds what is wrong between options.
func (p *parser) check() error {
	switch p.command {
	case addService, editService:
		return p.checkService()
	case addServer, editServer:
		return p.checkServer()
	case list:
		return p.checkList()
	}
	return nil
}

func (p *parser) checkService() error {
	s := &p.service
	switch {
	case s.mark == 0 && s.port == 0 && !p.given.has(optPersistent):
		return failf("Zero port specified for non-persistent service")
	case s.mark == 0 && s.protocol != "udp" && p.given.has(optOnePacket):
		return failf("One-Packet Scheduling is only for UDP virtual services")
	case s.scheduler == "":
		s.scheduler = defaultScheduler
	}
	return nil
}

// checkServer also gives the server the service's port, which a packet keeps
// unless it is translated.
func (p *parser) checkServer() error {
	if p.service.mark == 0 && p.server.forward != masquerade {
		p.server.port = p.service.port
	}
	if p.server.forward != tunnel {
		if p.server.addr.Is6() != p.service.ipv6 {
			return failf("Different address family is allowed only for tunneling servers")
		}
		if p.given.has(append(tunnelOptions, optTunnelType)...) {
			return failf("Tunnel options conflict with forward method")
		}
	}
	return tunnelUsage[p.server.tunnel].check(p.given, tunnelOptions, "'"+p.server.tunnel+"' tunnel type")
}

func (p *parser) checkList() error {
	if p.given.has(optConnection, optTimeout, optDaemon) && p.given.has(optStats, optRate, optThresholds) ||
		p.given.has(optTimeout, optDaemon) && p.given.has(optPersistentConn) {
		return failf("options conflicts in the list command")
	}
	return nil
}
