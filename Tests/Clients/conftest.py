"""Fixtures: the server on free ports, and browsers that live as long as the run."""

import asyncio
import os
from pathlib import Path

import pytest
import pytest_asyncio

from clients.apus import BINARY, Apus
from clients.chromium import Chromium
from clients.firefox import Firefox
from clients.guest import Guests
