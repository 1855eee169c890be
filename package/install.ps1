<#
.SYNOPSIS
    Installs the igbcx network driver from this folder on a Windows test machine.

.DESCRIPTION
    Checks what has to be true first and says what to do where it is not: an elevated 64-bit prompt, Windows 11 21H2
    or later, the processor architecture of the package, the checksums of its files, and for a test-signed package
    that Windows was started with test signing on. Then it imports the package's certificate into the machine's
    stores Root and TrustedPublisher, adds the driver package to the driver store, installs it on every matching
    device, and shows which driver each matching device has now.

    It can be run again: what is there already stays. Nothing is changed with -WhatIf, and checks that fail are only
    reported.

    Use it on machines that you can lose. While the certificate is in these stores, everything signed with its key is
    trusted; uninstall.ps1 -RemoveCertificate takes it out again.

    Exit code: 0 done, 3010 done but Windows has to be restarted, 1 not done.

.PARAMETER PackagePath
    The folder with igbcx.inf; by default the one this script is in.

.PARAMETER EnableTestSigning
    Switches test signing on, if it is off. It takes effect after a restart: then run the script again.

.EXAMPLE
    .\install.ps1 -WhatIf

    Shows what would be done.

.EXAMPLE
    powershell.exe -ExecutionPolicy Bypass -File .\install.ps1

    Installs, on a machine that does not run scripts otherwise.

.NOTES
    Written from Microsoft's documentation and not run on Windows so far. See docs/install.md.
#>
#Requires -Version 5.1
[CmdletBinding(SupportsShouldProcess)]
param(
    [ValidateNotNullOrEmpty()]
    [string] $PackagePath = $PSScriptRoot,

    [switch] $EnableTestSigning
)

. (Join-Path -Path $PSScriptRoot -ChildPath 'common.ps1')

# Oldest Windows that the INF names (NTamd64.10.0...22000).
$OldestBuild = 22000

# PE machine (IMAGE_FILE_HEADER.Machine) and Win32_Processor.Architecture of the processors there are packages for.
$Architectures = @{
    x64   = @{ Machine = 0x8664; Processor = 9 }
    arm64 = @{ Machine = 0xAA64; Processor = 12 }
}

# The package is for this processor.
function Assert-Architecture {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory)] [string] $Image
    )
    $bytes = [IO.File]::ReadAllBytes($Image)
    $header = [BitConverter]::ToInt32($bytes, 0x3C)
    $machine = [BitConverter]::ToUInt16($bytes, $header + 4)
    $processor = @(Get-CimInstance -ClassName Win32_Processor)[0].Architecture
    $package = $Architectures.Keys | Where-Object -FilterScript { $Architectures[$_].Machine -eq $machine }
    $here = $Architectures.Keys | Where-Object -FilterScript { $Architectures[$_].Processor -eq $processor }
    Assert-Condition -Condition ($null -ne $package -and $package -eq $here) -Otherwise (
        "This package is for $package, and this machine is $here.")
}

# Every file is as it was packed.
function Assert-Checksum {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory)] [string] $Path
    )
    $list = Join-Path -Path $Path -ChildPath 'SHA256SUMS'
    if (-not (Test-Path -LiteralPath $list)) { return }
    foreach ($line in @(Get-Content -LiteralPath $list) -ne '') {
        $expected, $name = $line -split '\s+\*?', 2
        $file = Join-Path -Path $Path -ChildPath $name
        $found = (Get-FileHash -LiteralPath $file -Algorithm SHA256).Hash
        Assert-Condition -Condition ($found -eq $expected) -Otherwise "$name is not the file that was packed: get the package again."
    }
}

# Windows was started so that it loads test-signed drivers.
function Test-TestSigning {
    [CmdletBinding()]
    [OutputType([bool])]
    param()
    # The options of the running system; what bcdedit.exe prints is translated, and says what the next start will be.
    $control = Get-ItemProperty -LiteralPath 'HKLM:\SYSTEM\CurrentControlSet\Control'
    return $control.SystemStartOptions -match '\bTESTSIGNING\b'
}

function Test-SecureBoot {
    [CmdletBinding()]
    [OutputType([bool])]
    param()
    try {
        return Confirm-SecureBootUEFI
    }
    catch [PlatformNotSupportedException] {
        Write-Verbose -Message 'This machine has no UEFI, so it has no Secure Boot.'
        return $false
    }
}

Assert-Administrator
$inf = Join-Path -Path $PackagePath -ChildPath 'igbcx.inf'
$image = Join-Path -Path $PackagePath -ChildPath 'igbcx.sys'
$catalog = Join-Path -Path $PackagePath -ChildPath 'igbcx.cat'
foreach ($file in $inf, $image, $catalog) {
    if (-not (Test-Path -LiteralPath $file)) {
        throw "$file is missing. Give the folder of the package with -PackagePath."
    }
}
$build = [Environment]::OSVersion.Version.Build
Assert-Condition -Condition ($build -ge $OldestBuild) -Otherwise (
    "This is Windows build $build. The driver needs NetAdapterCx 2.2 of build $OldestBuild (Windows 11 21H2) or later.")
Assert-Architecture -Image $image
Assert-Checksum -Path $PackagePath

$certificate = Get-PackageCertificate -Path $PackagePath
if ($null -ne $certificate -and -not (Test-TestSigning)) {
    Assert-Condition -Condition (-not (Test-SecureBoot)) -Otherwise (
        'Secure Boot is on, and with it Windows loads no test-signed driver. Suspend BitLocker if you use it, switch ' +
        'Secure Boot off in the firmware setup, and run this again.')
    if ($EnableTestSigning) {
        if ($PSCmdlet.ShouldProcess('boot configuration', 'bcdedit.exe /set testsigning on')) {
            & (Join-Path -Path $env:SystemRoot -ChildPath 'System32\bcdedit.exe') /set testsigning on | Out-Host
            if ($LASTEXITCODE -ne 0) {
                throw 'bcdedit.exe failed.'
            }
            Write-Output 'Test signing is on after the next start of Windows. Restart, and run this again.'
            exit $RestartRequired
        }
    }
    else {
        Assert-Condition -Condition $false -Otherwise (
            'The package is test-signed, and Windows was started without test signing. Run "bcdedit.exe /set testsigning ' +
            'on" (or this script with -EnableTestSigning), restart, and run this again.')
    }
}

if ($null -ne $certificate) {
    foreach ($store in Get-CertificateStore) {
        if (Test-Path -LiteralPath (Join-Path -Path $store -ChildPath $certificate.Thumbprint)) {
            Write-Verbose -Message "$($certificate.Thumbprint) is in $store already."
        }
        elseif ($PSCmdlet.ShouldProcess($store, "Import certificate $($certificate.Subject)")) {
            $file = Get-ChildItem -LiteralPath $PackagePath -Filter '*.cer' -File
            Import-Certificate -FilePath $file.FullName -CertStoreLocation $store | Out-Null
        }
    }
}

$restart = $false
if ($PSCmdlet.ShouldProcess($inf, 'pnputil.exe /add-driver /install')) {
    $code = Invoke-PnpUtil -Arguments '/add-driver', $inf, '/install'
    if ($code -eq $RestartRequired) {
        $restart = $true
    }
    elseif ($code -eq $NoMoreItems) {
        Write-Output 'The package is in the driver store. No device was changed: none matches, or it has this driver or a better one.'
    }
    elseif ($code -ne 0) {
        throw "pnputil.exe ended with $code. $env:SystemRoot\inf\setupapi.dev.log has the reason."
    }
}

$devices = @(Get-InfDevice -Inf $inf)
if ($devices.Count -eq 0) {
    Write-Warning -Message 'No adapter that this driver knows is present.'
}
foreach ($device in $devices) {
    Write-Output -InputObject $device
    if ($device.Service -ne 'igbcx') {
        Write-Warning -Message (
            "This adapter has the driver of $($device.DriverInfPath), not igbcx. Which drivers match, and how they rank: " +
            "pnputil.exe /enum-devices /instanceid `"$($device.InstanceId)`" /drivers")
    }
}
if ($restart) {
    Write-Output -InputObject 'Restart Windows to finish.'
    exit $RestartRequired
}
