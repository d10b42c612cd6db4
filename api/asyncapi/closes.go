package asyncapi

// Close is one of the codes with which the server ends a WebSocket.
type Close struct {
	Code uint16
	// Back says that the client is to connect again by itself.
	Back    bool
	Meaning string
}

// Closes are all of them. Below 4500, save 1000, a client comes back; from 4500 on a person has to do something first.
func Closes() []Close {
	return []Close{
		{1000, false, "the session ended as it should"},
		{1011, true, "something went wrong here; come back after a while"},
		{1012, true, "this server stops; come back at once, another answers"},
		{1013, true, "the client read too slowly; come back and take a snapshot"},
		{4000, true, "no heartbeat came"},
		{4001, true, "the state is not verified; come back after a while"},
		{4002, true, "a limit is reached; come back after a while"},
		{4500, false, "what was sent cannot be understood"},
		{4501, false, "not the caller's to do"},
		{4502, false, "it names something that is not there"},
		{4503, false, "another screen took its place"},
		{4504, false, "no token, or none that is good, or it has expired; log in again"},
	}
}
