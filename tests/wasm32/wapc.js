// The module that a waPC host offers to a guest. Unit tests in Node.js never call a host, but the test module
// imports these functions, so they have to be there. They answer "nothing".
const nothing = () => 0;

module.exports = {
  __guest_request: nothing,
  __guest_response: nothing,
  __guest_error: nothing,
  __host_call: nothing,
  __host_response: nothing,
  __host_response_len: nothing,
  __host_error: nothing,
  __host_error_len: nothing,
  __console_log: nothing,
};
