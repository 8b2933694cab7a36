package api

import "time"

// Duty says what an operator wants of a real server.
type Duty string

// The duties. Drain and Disable last until Undrain and Enable, also over a reload and
// a restart; a weight until the configuration names another one.
const (
	Drain       Duty = "drain"        // no new connections; out of service once it has none left
	Undrain     Duty = "undrain"      // ends Drain
	Disable     Duty = "disable"      // out of service at once: its connections expire
	Enable      Duty = "enable"       // ends Disable
	SetWeight   Duty = "weight"       // another weight than that of the configuration
	ResetWeight Duty = "reset-weight" // ends SetWeight
)

// OrderRequest is an order of an operator about a real server.
type OrderRequest struct {
	Duty Duty `json:"duty"`
	// Server is the real server: "192.0.2.21", "192.0.2.21:80".
	Server string `json:"server"`
	// Service is the name of the service in which it is meant; "": all that have it.
	Service string `json:"service,omitempty"`
	// Deadline is after how many seconds Drain cuts off what is left; 0: never.
	Deadline int `json:"deadline,omitempty"`
	// Weight is that of SetWeight, 0..65535.
	Weight int `json:"weight,omitempty"`
	// By is who gives the order, for status and log. Over the admin socket it is for
	// whom the user who asks claims to act, such as sudo's; the director adds that
	// user's name.
	By string `json:"by,omitempty"`
}

// Ordered says whom an order concerned.
type Ordered struct {
	Servers []OrderedServer `json:"servers"`
}

// OrderedServer is a real server of a service, just after an order about it.
type OrderedServer struct {
	Service string `json:"service"`
	Server  string `json:"server"`
	State   string `json:"state"`
	// Left is how many connections it has.
	Left int `json:"left"`
	// Weight is the one that it has while it is up.
	Weight int `json:"weight"`
	// Until is when what is left is cut off; zero: it is not.
	Until time.Time `json:"until,omitzero"`
}

// Order is an order that holds.
type Order struct {
	Duty Duty      `json:"duty"` // Drain, Disable or SetWeight
	At   time.Time `json:"at"`
	By   string    `json:"by,omitempty"`
	// Deadline is when Drain cuts off what is left; zero: never.
	Deadline time.Time `json:"deadline,omitzero"`
	// Weight is that of SetWeight, and Instead the configuration's, whose place it
	// takes.
	Weight  int `json:"weight,omitempty"`
	Instead int `json:"instead,omitempty"`
}
