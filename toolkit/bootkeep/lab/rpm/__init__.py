"""Disposable hosts whose package manager is rpm: Debian's files, real rpm, dnf and zypper, and packages built here."""
