package ipvsadm

import (
	"errors"
	"fmt"

	"lvsdr/admin/api"
)

// explain says in ipvsadm's words why a change was refused, and that there is
// no director when there is none.
func explain(err error, c command) error {
	if err == nil {
		return nil
	}
	refused := refusal(err)
	if refused == nil {
		return unreachable(err)
	}
	return &mistake{code: exitRefused, text: refusalText(refused, c)}
}

// refusal is why the director refused a change, nil if that is not the error.
func refusal(err error) *api.Error {
	if e := (*api.Error)(nil); errors.As(err, &e) && e.Code != "" {
		return e
	}
	return nil
}

// refusalText is what ipvsadm says to the kernel's EEXIST, ESRCH and ENOENT;
// for what it has no good words, the director has.
func refusalText(e *api.Error, c command) string {
	switch e.Code {
	case api.CodeServiceExists:
		return "Service already exists"
	case api.CodeServerExists:
		return "Destination already exists"
	case api.CodeNoServer:
		return "No such destination"
	case api.CodeNoService:
		switch c {
		case addServer, editServer, deleteServer:
			return "Service not defined"
		}
		return "No such service"
	}
	return e.Message
}

// unreachable is that nobody could be asked. The first words are those of an
// ipvsadm whose kernel has no IPVS.
func unreachable(err error) error {
	return &mistake{code: exitUsage, text: fmt.Sprintf("Can't initialize ipvs: %v", err), ends: true}
}
