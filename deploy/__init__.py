"""How prelabel is deployed, and the checks of it that need no container engine. No part of the distribution."""
