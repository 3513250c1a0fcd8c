# Whom to call: printed in the runbook. These people are fictional; put yours here.
bootkeep:
  people:
    - name: Ada Example
      role: primary
      phone: "+1 555 0100"
      email: ada@example.com
      hours: "Mon-Fri 08:00-17:00 UTC"
    - name: Ben Example
      role: backup
      phone: "+1 555 0101"
      email: ben@example.com
      hours: "nights and weekends"
    - name: Example Hosting support
      role: vendor
      phone: "+1 555 0110"
      email: support@example.com
      hours: "around the clock, contract 4711"
